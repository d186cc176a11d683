from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.rlhf.limits import drawn_limits

SHARE = st.floats(0, 1)


def test_the_limit_moves_by_what_drawn_completions_refuse_more_than_greedy_ones() -> None:
    found = drawn_limits(
        {"twins": 0.1, "questions": 0.0},
        rise=0.1,
        greedy={"twins": 0.2, "questions": 0.3},
        drawn={"twins": 0.35},
    )

    assert found == {"twins": pytest.approx(0.35), "questions": pytest.approx(0.1)}


def test_greedy_completions_at_their_limit_are_held_to_what_is_drawn_then() -> None:
    """Both lines go through the measured point."""
    found = drawn_limits({"twins": 0.2}, rise=0.1, greedy={"twins": 0.3}, drawn={"twins": 0.62})
    assert found["twins"] == pytest.approx(0.62)


def test_a_limit_stays_above_nothing_where_greedy_completions_refuse_far_more_than_drawn() -> None:
    """0.24 of 0.39 is 8 / 13, and so many of 0.1 drawn; the difference would make it -0.05."""
    found = drawn_limits({"twins": 0.14}, rise=0.1, greedy={"twins": 0.39}, drawn={"twins": 0.1})
    assert found["twins"] == pytest.approx(0.1 * 0.24 / 0.39)


@given(SHARE, SHARE, SHARE, SHARE)
def test_a_limit_is_a_share_and_lies_on_the_side_of_the_drawn_share_that_it_lies_on_of_the_greedy(
    base: float, rise: float, greedy: float, drawn: float
) -> None:
    limit = drawn_limits({"s": base}, rise=rise, greedy={"s": greedy}, drawn={"s": drawn})["s"]
    assert 0 <= limit <= 1
    if min(base + rise, 1) <= greedy:
        assert limit <= drawn + 1e-9
    else:
        assert limit >= drawn - 1e-9
