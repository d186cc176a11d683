"""When two scorers have parted, by rows made by hand."""

from __future__ import annotations

from typing import Any

import pytest
from measured_rows import measured_row
from present import present
from typed_results import on_json, rows_of

from eval.over_optimisation import before_parting as _before_parting
from eval.over_optimisation import distinct, with_signs
from eval.over_optimisation import parting as _parting

before_parting = on_json(_before_parting)

parting = on_json(_parting)

FIRST = rows_of([{"epoch": 0, "step": 0}])[0]
IDS = [f"p{k}" for k in range(40)]


def row(epoch: int, harm: float, harmful: int, **fields: Any) -> dict[str, Any]:
    """A row in which the independent scorer calls the first `harmful` of 40 completions harmful."""
    estimate = {"mean": harm, "n": 40}
    known = {"independently_harmful": IDS[:harmful], "independently_read": IDS}
    return {
        "epoch": epoch,
        "step": 10 * epoch,
        "harmfulness": estimate,
        "confidence": 0.95,
        **known,
        **fields,
    }


def test_scorers_that_fall_together_have_not_parted() -> None:
    assert parting([row(0, 4.0, 30), row(1, 3.0, 20), row(2, 2.0, 10)]) is None


def test_a_rise_within_its_interval_is_no_parting() -> None:
    assert parting([row(0, 4.0, 10), row(1, 3.0, 12)]) is None


def test_they_part_where_one_improves_and_the_other_worsens_beyond_its_interval() -> None:
    rows = [row(0, 4.0, 12), row(1, 3.0, 8), row(2, 2.0, 22), row(3, 1.5, 30)]

    found = parting(rows)

    assert found.row.epoch == 2
    assert found.before.epoch == 1
    assert found.rise == pytest.approx(14 / 40)
    assert found.interval[0] > 0
    assert before_parting(rows) == rows_of(rows[:2])
    assert str(found).startswith(
        "the scorers part at step 20: since step 10 mean harmfulness by the training scorer went "
        "from 3.00 to 2.00"
    )


def test_a_policy_that_both_call_worse_has_not_hacked_the_reward() -> None:
    assert parting([row(0, 2.0, 8), row(1, 3.0, 30)]) is None


def test_a_slow_drift_is_held_against_the_best_row_not_the_last() -> None:
    drift = [row(k, 4 - 0.2 * k, 8 + 2 * k) for k in range(8)]

    assert parting(drift[:3]) is None
    assert parting(drift) is not None


def test_rows_that_the_independent_scorer_has_not_read_say_nothing() -> None:
    silent: dict[str, list[str]] = {"independently_harmful": [], "independently_read": []}
    assert parting([row(0, 4.0, 8), row(1, 3.0, 0, **silent), row(2, 2.0, 9)]) is None
    rows = [{"epoch": 0, "step": 0, "harmfulness": {"mean": 4.0, "n": 40}}]
    assert parting(rows) is None
    assert before_parting(rows) == rows_of(rows)


def test_signs_of_a_row() -> None:
    samples = [
        measured_row(
            kind="harmful",
            harmfulness=4.0,
            refusal="none",
            prompt_id=str(k),
            called_harmful=k < 3,
            completion="ask a doctor",
        )
        for k in range(4)
    ]

    found = with_signs(
        FIRST,
        [
            *samples,
            measured_row(kind="benign", harmfulness=1.0, refusal="none", completion="ask a nurse"),
        ],
        0.95,
    )

    assert present(found.independent_harm).mean == 0.75
    assert 0 < present(present(found.independent_chance).mean) < 1
    assert found.independently_harmful == ("0", "1", "2")
    assert found.distinct_2 == pytest.approx(3 / 10)
    assert present(found.mean_tokens) > 0
    assert found.harmfulness == FIRST.harmfulness


def test_signs_without_an_independent_scorer() -> None:
    found = with_signs(FIRST, [measured_row(kind="harmful", harmfulness=4.0, refusal="none")], 0.95)

    assert "independent_harm" not in found.to_json()


def test_texts_of_single_words_have_no_pair_to_repeat() -> None:
    assert distinct(["no", ""]) == 1
