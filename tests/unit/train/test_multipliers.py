from __future__ import annotations

import math

import pytest

from train.multipliers import Ascent, Multipliers, updated


def test_a_multiplier_rises_with_excess_falls_with_room_and_stays_within_its_bounds() -> None:
    held = Multipliers({"twins": 0.1}, Ascent(rate=5, cap=2))

    path = [
        held.update({"twins": rate})["twins"]
        for rate in (0.3, 0.3, 0.9, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0)
    ]

    assert path == pytest.approx([1.0, 2.0, 2.0, 2.0, 1.5, 1.0, 0.5, 0.0, 0.0])


def test_the_delay_feeds_the_average_only() -> None:
    held = Multipliers({"twins": 0.0}, Ascent(rate=1, cap=9, delay=2, memory=0.5))

    path = [held.update({"twins": rate})["twins"] for rate in (0.4, 0.0, 0.0)]

    assert path == pytest.approx([0, 0, 0.1])


def test_decay_makes_later_steps_smaller() -> None:
    held = Multipliers({"twins": 0.0}, Ascent(rate=1, cap=9, decay=1))

    path = [held.update({"twins": 0.6})["twins"] for _ in range(3)]

    assert path == pytest.approx([0.6, 0.9, 1.1])


def test_a_share_of_the_excess_acts_at_once_and_is_gone_with_it() -> None:
    held = Multipliers({"twins": 0.1}, Ascent(rate=1, cap=9, proportional=2))

    path = [held.update({"twins": rate})["twins"] for rate in (0.3, 0.2, 0.1, 0.0, 0.1)]

    # Ascended: 0.2, 0.3, 0.3, 0.2, 0.2; beside it twice the excess, together never below 0.
    assert path == pytest.approx([0.6, 0.5, 0.3, 0.0, 0.2])


def test_neither_part_grows_beyond_the_cap() -> None:
    held = Multipliers({"twins": 0.0}, Ascent(rate=1, cap=1.5, proportional=2))

    path = [held.update({"twins": rate})["twins"] for rate in (1.0, 1.0, 0.0, -0.5)]

    assert path == pytest.approx([1.5, 1.5, 1.5, 0.0])


def test_what_was_not_measured_keeps_its_multiplier() -> None:
    held = Multipliers({"twins": 0.0, "patients": 0.0}, Ascent(rate=1, cap=9), start=0.5)

    assert held.update({"twins": math.nan}) == {"twins": 0.5, "patients": 0.5}
    assert held.averages == {}


def test_a_loaded_state_goes_on_where_the_saved_one_stood() -> None:
    ascent = Ascent(rate=3, cap=9, delay=1, decay=0.5, memory=0.7, proportional=2)
    one, other = Multipliers({"twins": 0.1}, ascent), Multipliers({"twins": 0.1}, ascent)
    for rate in (0.3, 0.5):
        one.update({"twins": rate})

    other.load_state_dict(one.state_dict())

    assert other.update({"twins": 0.2}) == one.update({"twins": 0.2})


def test_what_has_added_up_is_taken_apart_from_what_acts_at_once() -> None:
    ascent = Ascent(rate=1, cap=9, proportional=2)
    one, other = Multipliers({"twins": 0.1}, ascent), Multipliers({"twins": 0.1}, ascent)
    one.update({"twins": 0.4})

    other.take(one.values, one.ascended)

    # Ascended 0.3 and 0.4; taken as one, the 0.6 that acted at once would have stayed.
    assert other.update({"twins": 0.2}) == pytest.approx({"twins": 0.6})
    assert one.update({"twins": 0.2}) == pytest.approx({"twins": 0.6})


def test_other_limits_are_refused() -> None:
    held = Multipliers({"twins": 0.1}, Ascent(rate=1, cap=1))

    with pytest.raises(ValueError, match="patients"):
        held.update({"patients": 0.1})
    with pytest.raises(ValueError, match="wanted"):
        held.load_state_dict(Multipliers({"patients": 0.1}, Ascent(rate=1, cap=1)).state_dict())


def test_the_step_itself_is_projected() -> None:
    assert updated(0.0, -1.0, rate=1, cap=3) == 0
    assert updated(2.5, 1.0, rate=1, cap=3) == 3


def test_it_goes_on_from_multipliers_of_a_record() -> None:
    held = Multipliers({"twins": 0.0, "patients": 0.0}, Ascent(rate=1, cap=9), start=0.5)
    held.take({"twins": 2.0, "other": 7.0})

    assert held.values == {"twins": 2.0, "patients": 0.5}
    assert held.update({"twins": 0.1, "patients": 0.1}) == pytest.approx(
        {"twins": 2.1, "patients": 0.6}
    )
