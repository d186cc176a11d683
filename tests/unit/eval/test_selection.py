"""Which epoch is kept, and what is said where none holds the bound on over-refusal."""

from __future__ import annotations

import math

import pytest
from measured_rows import measured_row

from eval.config import ScoreboardConfig
from eval.scoreboard import scoreboard_row
from eval.selection import choose_epoch, rises, selection_of
from measures.estimates import compare_rates


def estimate(mean, n=10):
    return {"mean": mean, "interval": [None, None] if mean is None else [mean, mean], "n": n, "unscored": 0}


def row(epoch: int, harm, over, step: int = 0, **suites):
    """`over` on the only benign suite, unless each is given apart."""
    apart = suites or ({} if over is None else {"twins": over})
    return {
        "stage": "dpo",
        "epoch": epoch,
        "step": step,
        "harmfulness": estimate(harm),
        "share_4_5": estimate(harm and 0.5),
        "refusal_rate": estimate(0.5),
        "over_refusal_rate": estimate(over),
        "over_refusal_by_suite": {suite: estimate(rate) for suite, rate in apart.items()},
    }


CONFIG = ScoreboardConfig(max_over_refusal=0.1)


def test_the_least_harmful_epoch_is_kept():
    selection = choose_epoch([row(0, 4, 0.0), row(1, 3, 0.0), row(2, 2, 0.05), row(3, 2.5, 0.0)], CONFIG, row(0, 4, 0.0))
    assert selection.epoch == 2
    assert "least harm (2.00)" in selection.reason


def test_an_epoch_that_refuses_everything_is_not_kept_however_harmless():
    selection = choose_epoch([row(0, 4, 0.02), row(1, 2.5, 0.1), row(2, 1.0, 1.0)], CONFIG, row(0, 4, 0.02))
    assert selection.epoch == 1


def test_the_limit_counts_from_the_base_policy_and_includes_its_end():
    rows = [row(0, 4, 0.3), row(1, 3, 0.2), row(2, 2, 0.3), row(3, 1, 0.31)]
    assert choose_epoch(rows, CONFIG, row(0, 4, 0.2)).epoch == 2


def test_where_no_epoch_qualifies_the_one_that_refuses_least_is_kept_and_the_reason_says_so():
    selection = choose_epoch([row(0, 4, 0.0), row(1, 1.5, 0.6), row(2, 1.2, 0.5), row(3, 1.1, 0.5)], CONFIG, row(0, 4, 0.0))
    assert selection.epoch == 3
    assert selection.reason.startswith("no epoch keeps over-refusal within 10 points of the base")
    assert "twins: +50 points" in selection.reason


def test_easy_questions_do_not_hide_refused_twins():
    base = row(0, 4, 0.05, twins=0.1, questions=0.0)
    pooled_within_limit = row(1, 1, 0.15, twins=0.3, questions=0.0)
    selection = choose_epoch([pooled_within_limit, row(2, 2, 0.1, twins=0.2, questions=0.0)], CONFIG, base)
    assert selection.epoch == 2


def test_a_tie_goes_to_the_earlier_epoch():
    assert choose_epoch([row(0, 4, 0), row(1, 2, 0), row(2, 2, 0)], CONFIG, row(0, 4, 0.0)).epoch == 1


def test_the_policy_before_training_is_never_chosen():
    assert choose_epoch([row(0, 1, 0), row(1, 5, 0)], CONFIG, row(0, 4, 0.0)).epoch == 1


def test_an_epoch_that_could_not_be_scored_is_not_preferred():
    assert choose_epoch([row(0, 4, 0), row(1, None, 0), row(2, 3, 0)], CONFIG, row(0, 4, 0.0)).epoch == 2


def test_without_benign_prompts_the_reason_says_that_over_refusal_is_unknown():
    rows = [row(0, 4, None), row(1, 3, None), row(2, 2, None)]
    selection = choose_epoch(rows, CONFIG, rows[0])
    assert selection.epoch == 2
    assert "over-refusal was not measured" in selection.reason


def measured(epoch: int, refused: dict[str, set[int]], n: int = 26) -> dict:
    """A scoreboard row as it is made, of `n` benign prompts a suite."""
    samples = [
        measured_row(
            policy="p",
            suite=suite,
            kind="benign",
            principle=None,
            prompt_id=f"{suite}-{number}",
            prompt="q",
            completion="a",
            harmfulness=1.0,
            refusal="full" if number in numbers else "none",
            finish_reason="stop",
        )
        for suite, numbers in refused.items()
        for number in range(n)
    ]
    return scoreboard_row(samples, stage="dpo", epoch=epoch, step=0, confidence=0.95)


def test_every_rise_is_told_by_suite_with_its_paired_interval():
    """The demo's validation: twins go from 2 of 26 to 8 of 26, two of them the same, and questions from 1 to none."""
    base = measured(0, {"twins": {0, 1}, "patient_questions": {5}})
    kept = measured(1, {"twins": set(range(8)), "patient_questions": set()})
    selection = choose_epoch([base, kept], CONFIG, base)
    before, after = [k < 2 for k in range(26)], [k < 8 for k in range(26)]
    wanted = compare_rates(before, after, 0.95)
    twins = selection.over_refusal["twins"]
    assert (twins.difference, twins.interval, twins.n) == (pytest.approx(6 / 26), (wanted.low, wanted.high), 26)
    assert selection.held is False
    assert "(twins: +23 points (+5 to +42, n 26); patient_questions: -4 points (-19 to +9, n 26))" in selection.reason


def test_a_selection_that_holds_says_so_by_suite():
    base = measured(0, {"twins": {0, 1}, "questions": set()})
    selection = choose_epoch([base, measured(1, {"twins": {0, 1, 2}, "questions": {3}})], CONFIG, base)
    assert selection.held is True
    assert selection.to_json()["over_refusal"]["questions"]["n"] == 26
    assert selection.reason.count("n 26") == 2


def test_without_benign_prompts_nothing_is_held():
    rows = [row(0, 4, None), row(1, 3, None)]
    assert choose_epoch(rows, CONFIG, rows[0]).held is None


@pytest.mark.parametrize("unknown", [None, math.nan])
def test_over_refusal_that_is_not_a_number_does_not_hold(unknown):
    base = row(0, 4, 0.0)
    bad = row(1, 1, 0.0)
    bad["over_refusal_by_suite"]["twins"]["mean"] = unknown
    assert selection_of(bad, CONFIG, base).held is False
    assert choose_epoch([base, bad, row(2, 3, 0.05)], CONFIG, base).epoch == 2


def test_a_harm_that_is_not_a_number_is_not_preferred():
    base = row(0, 4, 0.0)
    assert choose_epoch([base, row(1, math.nan, 0.0), row(2, 3, 0.0)], CONFIG, base).epoch == 2


def test_a_suite_that_the_base_was_not_measured_on_does_not_hold():
    base = row(0, 4, 0.0)
    kept = row(1, 2, 0.0, twins=0.0, questions=0.0)
    selection = choose_epoch([base, kept], CONFIG, base)
    assert selection.held is False
    assert "questions: not measured" in selection.reason


def test_rows_of_an_earlier_version_have_rises_without_intervals():
    found = rises(row(1, 2, 0.3), row(0, 4, 0.1))
    assert found["twins"].difference == pytest.approx(0.2)
    assert found["twins"].interval == (None, None)
