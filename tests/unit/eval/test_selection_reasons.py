"""What is said of the epoch that was chosen."""

from __future__ import annotations

import pytest
from present import present
from selection_rows import CONFIG, measured, row
from typed_results import on_json

from eval.selection import choose_epoch as _choose_epoch
from measures.estimates import compare_rates

choose_epoch = on_json(_choose_epoch)


def test_where_no_epoch_qualifies_the_reason_says_so_and_what_decided() -> None:
    selection = choose_epoch(
        [row(0, 4, 0.0), row(1, 1.5, 0.6), row(2, 1.2, 0.5), row(3, 1.1, 0.5)],
        CONFIG,
        row(0, 4, 0.0),
    )
    assert selection.epoch == 3
    assert selection.reason.startswith(
        "no epoch keeps over-refusal within 10 points of the base by the upper ends of 80% "
        "intervals; no epoch's points keep it either, and this one exceeds it least, over all "
        "suites"
    )
    assert "twins: +50 points" in selection.reason


def test_without_benign_prompts_the_reason_says_that_over_refusal_is_unknown() -> None:
    rows = [row(0, 4, None), row(1, 3, None), row(2, 2, None)]
    selection = choose_epoch(rows, CONFIG, rows[0])
    assert selection.epoch == 2
    assert "over-refusal was not measured" in selection.reason


def test_every_rise_is_told_by_suite_with_its_paired_interval() -> None:
    """The demo's validation: twins go from 2 of 26 to 8 of 26, two of them the same, and questions
    from 1 to none.
    """
    base = measured(0, {"twins": {0, 1}, "patient_questions": {5}})
    kept = measured(1, {"twins": set(range(8)), "patient_questions": set()})
    selection = choose_epoch([base, kept], CONFIG, base)
    before, after = [k < 2 for k in range(26)], [k < 8 for k in range(26)]
    wanted = compare_rates(before, after, CONFIG.confidence)
    twins = selection.over_refusal["twins"]
    assert (twins.difference, twins.interval, twins.n) == (
        pytest.approx(6 / 26),
        (wanted.low, wanted.high),
        26,
    )
    assert selection.held is False
    low, high = (f"{100 * present(end):+.0f}" for end in (wanted.low, wanted.high))
    assert (
        f"(twins: +23 points ({low} to {high}, n 26); patient_questions: -4 points ("
        in selection.reason
    )


def test_a_selection_that_holds_says_so_by_suite() -> None:
    base = measured(0, {"twins": {0, 1}, "questions": set()}, 64)
    selection = choose_epoch(
        [base, measured(1, {"twins": {0, 1, 2}, "questions": {3}}, 64)], CONFIG, base
    )
    assert selection.held is True
    assert selection.to_json()["over_refusal"]["questions"]["n"] == 64
    assert selection.reason.count("n 64") == 2


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "it was the only candidate"), (2, "it was one of 2 candidates"), (3, None)],
)
def test_with_fewer_than_three_candidates_the_reason_says_that_there_was_hardly_a_choice(
    count: int, said: str | None
) -> None:
    rows = [row(number, 3, 0.0) for number in range(count + 1)]
    reason = choose_epoch(rows, CONFIG, rows[0]).reason
    assert ("offer at least 3" in reason) == (said is not None)
    assert said is None or said in reason


def test_without_benign_prompts_nothing_is_held() -> None:
    rows = [row(0, 4, None), row(1, 3, None)]
    assert choose_epoch(rows, CONFIG, rows[0]).held is None
