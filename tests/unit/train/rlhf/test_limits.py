import pytest

from train.rlhf.limits import drawn_limits


def test_the_limit_moves_by_what_drawn_completions_refuse_more_than_greedy_ones():
    found = drawn_limits(
        {"twins": 0.1, "questions": 0.0},
        rise=0.1,
        greedy={"twins": 0.2, "questions": 0.3},
        drawn={"twins": 0.35},
    )

    assert found == {"twins": pytest.approx(0.35), "questions": pytest.approx(0.1)}


def test_held_at_the_moved_limit_greedy_completions_are_at_theirs():
    """drawn = its limit and greedy = drawn - the difference, so greedy = base + rise."""
    greedy, drawn = 0.5, 0.62
    limit = drawn_limits(
        {"twins": 0.2}, rise=0.1, greedy={"twins": greedy}, drawn={"twins": drawn}
    )["twins"]

    assert limit - (drawn - greedy) == pytest.approx(0.3)
