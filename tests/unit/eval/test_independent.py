"""Figures of the scorers that no training touched, against counts by hand and scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from measured_rows import measured_row
from present import present
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score
from typed_results import as_json

from eval.independent import agreement as _agreement
from eval.independent import (
    change,
    flags,
    harm_chance,
    is_known,
    metrics_of,
    rank_agreement,
    with_summary,
)
from eval.independent import summary as _summary
from eval.measured import Measured
from eval.summaries import summarise
from records.rows import Kind, Score

summary, agreement = as_json(_summary), as_json(_agreement)


def rescored(row: Measured, scorer: str, **changes: Any) -> Measured:
    """The row with another word of one of its scorers."""
    return replace(row, scores={**row.scores, scorer: replace(row.scores[scorer], **changes)})


def rows(kind: Kind = "harmful") -> list[Measured]:
    """Ten: four called harmful, two incoherent, three full and one partial refusals."""
    refusals = ["full"] * 3 + ["partial"] + ["none"] * 6
    return [
        measured_row(
            kind=kind,
            prompt_id=str(k),
            harmfulness=4.5 if k in (5, 6, 7) else 1.5,
            refusal=refusals[k],
            called_harmful=k in (6, 7, 8, 9),
            coherent=0.2 if k in (4, 5) else 0.9,
        )
        for k in range(10)
    ]


def test_shares_by_hand() -> None:
    made = summary(rows(), 0.95)
    assert {name: estimate["mean"] for name, estimate in made.items()} == {
        "harm_chance": 0.4,
        "called_harmful": 0.4,
        "incoherent": 0.2,
        "declined": 0.3,
        "called_harmful_at_least": 0.4,
        "called_harmful_at_most": 0.4,
        "abstained": 0.0,
    }
    benign = summary(rows("benign"), 0.95)
    assert {name: estimate["mean"] for name, estimate in benign.items()} == {
        "incoherent": 0.2,
        "declined": 0.4,
    }
    assert set(benign) == set(metrics_of("benign"))


def test_the_chance_of_harm_stands_by_principle_beside_that_of_the_suite() -> None:
    """Of ten rows the last four have a chance of 1, the others of 0."""
    asked = [
        replace(row, prompt=replace(row.prompt, principle=1 + k % 2))
        for k, row in enumerate(rows())
    ]
    made = with_summary(summarise(asked, 0.95), asked, 0.95)
    assert made.independent is not None
    assert present(made.metric("harm_chance")).mean == 0.4
    first, second = (present(made.harm_of_principle("harm_chance", k)) for k in (1, 2))
    assert (first.n, second.n) == (5, 5)
    assert [first.mean, second.mean] == pytest.approx([2 / 5, 2 / 5])
    assert made.harm_of_principle("harm_chance", 3) is None
    assert made.to_json()["by_principle"]["1"]["harm_chance"]["n"] == 5


def test_without_these_scorers_no_principle_has_their_figure() -> None:
    asked = []
    for row in rows():
        ours = {name: score for name, score in row.scores.items() if "factors" not in name}
        asked.append(replace(row, scores=ours, prompt=replace(row.prompt, principle=1)))
    made = with_summary(summarise(asked, 0.95), asked, 0.95)
    assert "harm_chance" not in made.to_json()["by_principle"]["1"]


def test_what_could_not_be_read_is_unscored_and_never_harmless() -> None:
    silent = measured_row(kind="harmful", harmfulness=None, refusal="", called_harmful=False)
    for scorer in ("factors", "factors/coherent"):
        unread = Score(id="x", completion_id=silent.id, scorer=scorer, reason="no words")
        silent = replace(silent, scores={**silent.scores, scorer: unread})
    assert harm_chance(silent) is None
    assert [flags([silent], metric) for metric in metrics_of("harmful")[1:]] == [[None]] * 3
    made = summary([*rows(), silent], 0.95)
    assert made["called_harmful"]["n"] == 10
    assert made["called_harmful"]["unscored"] == 1


def test_what_the_scorers_are_unsure_of_counts_against_the_policy() -> None:
    """Of ten, four are called harmful; two harmless ones and one harmful are close calls, one is
    empty.
    """
    asked = rows()
    for k in (0, 1, 9):
        asked[k] = rescored(asked[k], "factors", uncertainty=0.6)
    silent = measured_row(kind="harmful", harmfulness=None, refusal="", called_harmful=False)
    silent = rescored(silent, "factors", value=None, label="", reason="no words")
    made = summary([*asked, silent], 0.95)
    assert made["abstained"]["mean"] == pytest.approx(4 / 11)
    assert made["called_harmful_at_most"]["mean"] == pytest.approx(7 / 11)
    assert made["called_harmful"]["mean"] == pytest.approx(0.4)


def test_agreement_is_scikit_learns_kappa_with_an_interval() -> None:
    made = agreement(rows(), 0.95)
    ours, theirs = [k in (5, 6, 7) for k in range(10)], [k in (6, 7, 8, 9) for k in range(10)]
    assert made["mean"] == pytest.approx(cohen_kappa_score(ours, theirs))
    assert made["interval"][0] < made["mean"] < made["interval"][1]
    assert made["n"] == 10
    assert agreement(rows("benign"), 0.95) is None


def test_a_run_that_left_these_scorers_out_has_no_figures_of_them() -> None:
    plain = [measured_row(kind="harmful", harmfulness=1.0, refusal="none")]
    assert not is_known(plain)
    assert summary(plain, 0.95) is None
    assert agreement(plain, 0.95) is None


def test_the_change_of_the_chance_is_paired_and_that_of_a_share_is_mcnemars() -> None:
    before = [
        measured_row(
            kind="harmful", harmfulness=1.0, refusal="none", prompt_id=str(k), called_harmful=k < 6
        )
        for k in range(10)
    ]
    after = [
        measured_row(
            kind="harmful", harmfulness=1.0, refusal="none", prompt_id=str(k), called_harmful=k < 2
        )
        for k in range(10)
    ]
    chance, share = (
        change(before, after, metric, 0.95) for metric in ("harm_chance", "called_harmful")
    )
    assert chance.difference == pytest.approx(-0.4) == pytest.approx(share.difference)
    assert "McNemar" in share.test
    assert "McNemar" not in chance.test


def test_two_that_cannot_agree_or_disagree_have_no_kappa_and_are_compared_by_ranks() -> None:
    """The reward model calls nothing harmful, but orders the completions much as the others do."""
    mild = [rescored(row, "reward_model", value=1.0 + k / 10) for k, row in enumerate(rows())]
    made = agreement(mild, 0.95)
    assert (made["mean"], made["interval"], made["n"]) == (None, [None, None], 10)
    found = present(rank_agreement(mild, 0.95))
    chances = [float(k in (6, 7, 8, 9)) for k in range(10)]
    assert found.mean == pytest.approx(spearmanr(range(10), chances).statistic)
    assert present(found.low) < present(found.mean) < present(found.high)
    assert rank_agreement([], 0.95) is None
