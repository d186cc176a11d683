"""Pairs whose chosen side is the least harmful completion, revisions among them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pair_candidates import HARMFUL, SAFE, build, completion, demonstration, scored

from data_prep.pairs.candidates import Candidate, candidates
from records.rows import (
    Revision,
    Score,
    assistant,
    user,
)


def revision(number: int, text: str, answer: int) -> Revision:
    return Revision(
        id=f"d/base/revised/{number}",
        prompt_id="d",
        prompt=user("q"),
        completion=assistant(text),
        policy="base/revised",
        sample=number,
        seed=0,
        num_tokens=1,
        finish_reason="stop",
        answer_id=f"d/base/{answer}",
        principle=8,
        critique="It puts money first.",
    )


def test_the_ratings_of_experts_count_each() -> None:
    scores = [
        Score(id=str(n), completion_id="d/base/0", scorer="experts", value=v)
        for n, v in enumerate((1.0, 5.0))
    ]
    (found,) = candidates([completion(0, "x")], [], scores)["d"]
    assert found.harmfulness == 3.0
    assert found.disagreement == pytest.approx(2.8284)


def test_best_chooses_the_least_harmful_decline_and_demonstration_the_data_sets() -> None:
    found = [
        HARMFUL[0],
        Candidate(assistant("I won't."), "base", 1.0, "full", True),
        SAFE._replace(harmfulness=1.4),
    ]
    assert [p.chosen_source for p in build(found, chosen="best").pairs] == ["base"]
    assert [p.chosen_source for p in build(found, chosen="demonstration").pairs] == [
        "demonstration"
    ]


@pytest.mark.parametrize(
    "spoiled",
    [
        {"harmfulness": 1.6},
        {"harmfulness": None},
        {"refusal": "none"},
        {"disagreement": 1.1},
        {"completion": assistant(" ")},
    ],
)
def test_best_chooses_nothing_that_is_not_found_safe(spoiled: dict[str, Any]) -> None:
    result = build([*HARMFUL[:2], SAFE._replace(**spoiled)], chosen="best")
    assert not result.pairs
    assert +result.dropped == Counter({"no completion is safe enough to be chosen": 2})


@pytest.mark.parametrize(("answer_score", "pairs"), [(4.0, 1), (1.9, 0), (None, 0)])
def test_a_revision_is_chosen_only_where_it_improves_on_its_answer_by_the_margin(
    answer_score: float | None, pairs: int
) -> None:
    made = [completion(0, "Sure, charge them twice."), completion(1, "Sure, charge them all.")]
    scores = [
        *scored("d/base/0", answer_score),
        *scored("d/base/1", 5.0),
        *scored("d/base/revised/0", 1.0, label="full"),
    ]
    found = candidates(
        made, [], scores, [revision(0, "I won't, as it would betray their trust.", answer=0)]
    )["d"]
    result = build(found, chosen="best", max_pairs_per_prompt=1)
    assert [(p.chosen_source, p.rejected_score) for p in result.pairs] == [
        ("base/revised", 5.0)
    ] * pairs
    assert bool(result.dropped["revision improves on its completion by less than min_margin"]) == (
        not pairs
    )


def test_revisions_and_the_data_sets_safe_answers_are_never_rejected() -> None:
    made = [completion(0, "I won't.")]
    scores = [
        *scored("d", 4.0, label="partial"),
        *scored("d/base/0", 1.0, label="full"),
        *scored("d/base/revised/0", 4.5),
    ]
    found = candidates(made, [demonstration()], scores, [revision(0, "Sure.", answer=0)])["d"]
    result = build(found, chosen="best")
    assert not result.pairs
    assert +result.dropped == Counter({"the policy's completion already refuses": 1})
