"""A scorer that sees harm everywhere is corrected by people who rated some of its completions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from measured_rows import measured_row
from typed_results import as_json, on_json

from data_prep.review.items import item_id
from data_prep.review.ratings import Rating
from eval.measured import Measured
from eval.people import FEWEST
from eval.people import corrected_by_people as _corrected_by_people
from eval.people_words import words_of
from eval.report.verdict import verdict as _verdict

verdict = on_json(_verdict)
corrected_by_people = as_json(_corrected_by_people)

TRUE = {"base": 2.4, "dpo": 1.2}
N = 120


def rows_and_truth() -> tuple[list[Measured], dict[str, tuple[int, int, bool]]]:
    """The scorer adds a point to what people would say, and sees refusals that are none in a
    tenth.
    """
    random = np.random.default_rng(5)
    rows, truth = [], {}
    for policy, level in TRUE.items():
        for number in range(N):
            said = int(np.clip(round(level + random.normal(0, 0.8)), 1, 5))
            refused = said == 1
            seen = refused or random.random() < 0.1
            row = measured_row(
                kind="harmful",
                harmfulness=min(5.0, said + 1 + 0.2 * float(random.normal())) if said < 5 else 5.0,
                refusal="full" if seen else "none",
                policy=policy,
                prompt_id=str(number),
                prompt=f"request {number}",
                completion=f"{policy} says {number}",
            )
            rows.append(row)
            truth[item_id(row.prompt.prompt, row.completion.completion)] = (number, said, refused)
    return rows, truth


def ratings(truth: dict[str, tuple[int, int, bool]], most: int) -> list[Rating]:
    return [
        Rating(item, "ann", said, "full" if refused else "none")
        for item, (number, said, refused) in truth.items()
        if number < most
    ]


def test_the_corrected_figures_hold_what_people_would_have_said_of_all() -> None:
    rows, truth = rows_and_truth()
    found = corrected_by_people(rows, ratings(truth, 40), "base", 0.95)
    assert (found["rated"], found["unmatched"], found["raters"]) == (80, 0, 1)
    said = [level for item, (_, level, _) in truth.items()]
    for policy, part in (("base", said[:N]), ("dpo", said[N:])):
        harm = found["policies"][policy]["harmful"]["harmfulness"]
        low, high = harm["prediction_powered"]["interval"]
        assert low <= np.mean(part) <= high
        assert harm["raw"]["interval"][0] > np.mean(part), "the raw figure is a point too high"
        rates = found["policies"][policy]["harmful"]["refusal_rate"]
        people = np.mean([level == 1 for level in part])
        for way in ("rogan_gladen", "prediction_powered"):
            assert rates[way]["interval"][0] <= people <= rates[way]["interval"][1]
    (change,) = found["changes"]
    assert change["interval"][0] <= np.mean(said[N:]) - np.mean(said[:N]) <= change["interval"][1]
    assert (change["n"], change["rated"]) == (N, 40)


def test_too_few_ratings_correct_nothing_and_foreign_ones_are_counted() -> None:
    rows, truth = rows_and_truth()
    few = [*ratings(truth, FEWEST - 1), Rating("c-elsewhere", "ann", 3, "none")]
    found = corrected_by_people(rows, few, "base", 0.95)
    assert found["policies"] == {}
    assert found["changes"] == []
    assert found["unmatched"] == 1


def test_without_ratings_there_is_nothing() -> None:
    assert corrected_by_people(rows_and_truth()[0], [], "base", 0.95) is None


def test_raters_two_levels_apart_have_no_common_word() -> None:
    said = words_of(
        [Rating("c-1", "a", 1, "full"), Rating("c-1", "b", 3, "full"), Rating("c-2", "a", 2, "")]
    )
    assert said["c-1"] == (None, "full")
    assert said["c-2"] == (2.0, "")


def known(mean: float) -> dict[str, object]:
    return {"mean": mean, "interval": [mean, mean], "n": 40}


@pytest.fixture
def corrected(results: dict[str, Any]) -> dict[str, Any]:
    change = {
        "policy": "dpo", "baseline": "base", "suite": "harmful", "metric": "harmfulness",
        "difference": -0.61, "interval": [-0.8, -0.42], "n": 90, "rated": 40,
    }  # fmt: skip
    own = {
        name: {
            "harmful": {
                "n": 90,
                "harmfulness": {"raw": known(mean), "prediction_powered": known(mean)},
            }
        }
        for name, mean in (("base", 1.81), ("dpo", 1.2))
    }
    people = {"raters": 2, "rated": 80, "unmatched": 0, "policies": own, "changes": [change]}
    return {**results, "people": people}


def test_the_verdict_takes_the_corrected_change_and_names_the_raw_one(
    results: dict[str, Any], corrected: dict[str, Any]
) -> None:
    said = verdict(corrected)
    assert "1.81 (base) to 1.20" in said
    assert "-0.61" in said
    assert "40 prompts" in said
    raw = next(
        c for c in results["comparisons"] if c["policy"] == "dpo" and c["metric"] == "harmfulness"
    )
    assert f"{raw['difference']:+.2f}" in said
    assert "people's ratings" not in verdict(results)


def test_the_chance_of_harm_is_corrected_towards_the_share_that_people_call_harmful() -> None:
    """The scorer sees harm in everything; people in levels from 3."""
    rows, truth = rows_and_truth()
    asked = [replaced(row) for row in rows]
    found = corrected_by_people(asked, ratings(truth, 40), "base", 0.95)
    said = [level >= 3 for _, level, _ in truth.values()]
    for policy, part in (("base", said[:N]), ("dpo", said[N:])):
        chance = found["policies"][policy]["harmful"]["harm_chance"]
        assert chance["raw"]["mean"] > 0.8
        low, high = chance["prediction_powered"]["interval"]
        assert low <= np.mean(part) <= high
    changes = {change["metric"]: change for change in found["changes"]}
    assert changes["harm_chance"]["rated"] == 40


def replaced(row: Measured) -> Measured:
    """The same completion with the scorers that no training touched, which call it harmful."""
    return measured_row(
        kind="harmful",
        harmfulness=row.harmfulness,
        refusal="none",
        policy=row.policy,
        prompt_id=row.prompt.id,
        prompt=row.prompt.prompt[0]["content"],
        completion=row.completion.completion[0]["content"],
        called_harmful=True,
    )


def test_without_a_reward_model_the_verdict_takes_the_corrected_chance(
    results: dict[str, Any], corrected: dict[str, Any]
) -> None:
    change = {**corrected["people"]["changes"][0], "metric": "harm_chance", "difference": -0.2}
    shown = next(
        c for c in results["comparisons"] if c["policy"] == "dpo" and c["metric"] == "harmfulness"
    )
    comparisons = [*results["comparisons"], {**shown, "metric": "harm_chance"}]
    own = {
        name: {
            "harmful": {
                "n": 90,
                "harm_chance": {"raw": known(mean), "prediction_powered": known(mean)},
            }
        }
        for name, mean in (("base", 0.3), ("dpo", 0.1))
    }
    people = {**corrected["people"], "changes": [change], "policies": own}
    said = verdict({**corrected, "comparisons": comparisons, "people": people})
    assert "30.0 % (base) to 10.0 %" in said
    assert "-20.0 points" in said
