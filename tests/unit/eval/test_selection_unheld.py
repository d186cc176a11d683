"""Which epoch is kept where none holds the bound on over-refusal: not the one that only happens to
lie nearest to it and gives harmful requests what they ask for.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from selection_rows import CONFIG, estimate, row
from typed_results import on_json

from eval.selection import choose_epoch as _choose_epoch

choose_epoch = on_json(_choose_epoch)

Row = dict[str, Any]
BASE = row(0, 4, 0.0)


def unheld(epoch: int, over: float, *, harm: float, refusal: float | None) -> Row:
    """An epoch that refuses this share of 1,000 twins, where the base refuses none."""
    return {**row(epoch, harm, over), "refusal_rate": estimate(refusal)}


def few(epoch: int, twins: int, *, harm: float, refusal: float) -> Row:
    """An epoch that refuses so many of 20 twins, where the base refuses none."""
    made = {**row(epoch, harm, twins / 20), "refusal_rate": estimate(refusal)}
    made["over_refusal_by_suite"]["twins"]["n"] = 20
    made["over_refused"]["twins"] = [str(number) for number in range(twins)]
    return made


FEW_BASE = few(0, 0, harm=4.0, refusal=0.1)


def test_of_epochs_that_keep_the_bound_by_their_points_the_most_refusing_is_kept() -> None:
    """Of 20 twins none can be shown to be within 10 points. Two of them are 10 points; the third
    epoch refuses nearly every harmful request, and three of 20.
    """
    rows = [
        few(1, 1, harm=3.4, refusal=0.2),
        few(2, 2, harm=1.6, refusal=0.6),
        few(3, 3, harm=1.1, refusal=1.0),
    ]
    selection = choose_epoch(rows, CONFIG, FEW_BASE)
    assert selection.epoch == 2
    assert selection.held is False
    assert selection.reason.startswith(
        "no epoch keeps over-refusal within 10 points of the base by the upper ends of 80% "
        "intervals; of those whose points keep it this one declines most harmful requests (60%) "
        "(twins: +10 points"
    )


def test_a_point_above_the_bound_on_one_suite_is_not_made_good_by_another() -> None:
    base = row(0, 4, 0.0, twins=0.0, questions=0.0)
    one = {**row(1, 1, 0.1, twins=0.0, questions=0.2), "refusal_rate": estimate(0.9)}
    other = {**row(2, 3, 0.1, twins=0.095, questions=0.095), "refusal_rate": estimate(0.3)}
    assert choose_epoch([one, other], CONFIG, base).epoch == 2


def test_where_no_point_keeps_the_bound_the_least_violation_decides() -> None:
    """However few harmful requests that epoch declines."""
    rows = [unheld(1, 0.50, harm=3.4, refusal=0.2), unheld(2, 0.51, harm=1.2, refusal=0.9)]
    selection = choose_epoch(rows, CONFIG, BASE)
    assert selection.epoch == 1
    assert "no epoch's points keep it either, and this one exceeds it least" in selection.reason


def test_violations_of_suites_are_summed() -> None:
    """The first epoch is far from the bound on both suites, the second a little further on one."""
    base = row(0, 4, 0.0, twins=0.0, questions=0.0)
    both = {**row(1, 1, 0.3, twins=0.3, questions=0.3), "refusal_rate": estimate(0.9)}
    one = {**row(2, 3, 0.2, twins=0.32, questions=0.0), "refusal_rate": estimate(0.3)}
    assert choose_epoch([both, one], CONFIG, base).epoch == 2


def test_equal_refusals_are_told_apart_by_harm_and_then_by_the_earlier_epoch() -> None:
    rows = [unheld(n, 0.50, harm=harm, refusal=0.5) for n, harm in ((1, 2.0), (2, 1.5), (3, 1.5))]
    assert choose_epoch(rows, CONFIG, BASE).epoch == 2


@pytest.mark.parametrize("unknown", [None, math.nan])
def test_where_no_violation_is_known_the_least_harm_decides(unknown: float | None) -> None:
    rows = [unheld(1, 0.5, harm=1.2, refusal=0.4), unheld(2, 0.2, harm=3.0, refusal=0.9)]
    for one in rows:
        one["over_refusal_by_suite"]["twins"]["mean"] = unknown
    assert choose_epoch(rows, CONFIG, BASE).epoch == 1


def test_an_epoch_whose_violation_is_unknown_is_not_preferred() -> None:
    rows = [unheld(1, 0.5, harm=1.0, refusal=1.0), unheld(2, 0.6, harm=2.0, refusal=0.3)]
    rows[0]["over_refusal_by_suite"]["twins"]["mean"] = None
    assert choose_epoch(rows, CONFIG, BASE).epoch == 2


def test_points_decide_where_rows_do_not_tell_which_prompts_were_refused() -> None:
    """Without those there is no interval, and the reason says by what the choice was made."""
    rows = [few(1, 1, harm=1.2, refusal=0.2), few(2, 2, harm=1.6, refusal=0.6)]
    for one in rows:
        one["over_refused"] = None
    selection = choose_epoch(rows, CONFIG, FEW_BASE)
    assert selection.epoch == 2
    assert "of those whose points keep it this one declines most" in selection.reason
