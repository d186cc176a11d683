"""The reward model's validation against scikit-learn and values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from present import present
from sklearn.metrics import roc_auc_score

from measures.estimate import Estimate
from records.rows import assistant, user
from reward.model.examples import RewardExample
from reward.model.link import Link
from reward.model.validation import PROBES, validate


def example(
    number: int, harmful: bool, group: str, origin: str = "policy_harmful"
) -> RewardExample:
    return RewardExample(
        id=str(number),
        prompt=user("q"),
        completion=assistant("a"),
        harm=float(harmful),
        origin=origin,
        group=group,
        split="val",
    )


@pytest.fixture
def held_out() -> tuple[list[RewardExample], list[float]]:
    rng = np.random.default_rng(1)
    rows = [
        example(i, bool(rng.random() < 0.4), f"g{i // 3}", list(PROBES)[i % 7]) for i in range(120)
    ]
    return rows, [float(rng.normal(1.2 if row.harmful else -1.2, 1.5)) for row in rows]


def test_auroc_is_scikit_learns_and_lies_in_its_interval(
    held_out: tuple[list[RewardExample], list[float]],
) -> None:
    rows, logits = held_out
    found = validate(rows, logits, Link(temperature=1.3))
    assert found.auroc.mean == pytest.approx(roc_auc_score([r.harmful for r in rows], logits))
    low, high = map(present, found.auroc.interval)
    assert low < present(found.auroc.mean) < high


def test_validation_counts_rows_groups_and_probes(
    held_out: tuple[list[RewardExample], list[float]],
) -> None:
    rows, logits = held_out
    found = validate(rows, logits, Link(temperature=1.3))
    assert (found.n, found.prompt_groups, found.harmful) == (
        120,
        40,
        sum(r.harmful for r in rows),
    )
    assert sum(figure.n for figure in found.probes.values()) == 120
    right = [(z > 0) == row.harmful for z, row in zip(logits, rows, strict=True)]
    assert found.accuracy.mean == pytest.approx(np.mean(right))


def test_temperature_moves_calibration_not_accuracy_and_ranks(
    held_out: tuple[list[RewardExample], list[float]],
) -> None:
    rows, logits = held_out
    cold, hot = (
        validate(rows, logits, Link(temperature=0.5)),
        validate(rows, logits, Link(temperature=5.0)),
    )
    assert cold.accuracy == hot.accuracy
    assert cold.auroc.mean == pytest.approx(hot.auroc.mean)
    assert cold.ece != hot.ece


def width(found: Estimate) -> float:
    low, high = map(present, found.interval)
    return high - low


def test_dependent_examples_widen_the_interval(
    held_out: tuple[list[RewardExample], list[float]],
) -> None:
    """The same rows counted five times are no more evidence: the bootstrap draws prompt groups."""
    rows, logits = held_out
    once = validate(rows, logits, Link(temperature=1.0)).auroc
    copies = validate(rows * 5, logits * 5, Link(temperature=1.0)).auroc
    assert width(copies) == pytest.approx(width(once), rel=0.05)


def test_extreme_logits_do_not_overflow(held_out: tuple[list[RewardExample], list[float]]) -> None:
    rows, logits = held_out
    with np.errstate(over="raise"):
        assert validate(rows, [z * 1e4 for z in logits], Link(temperature=0.1)).n == 120


def test_a_probe_of_fewer_than_twenty_is_a_count_and_no_rate(
    held_out: tuple[list[RewardExample], list[float]],
) -> None:
    rows, logits = held_out
    rare = [example(200 + i, True, f"h{i}", "policy_refusal") for i in range(19)]
    found = validate([*rows, *rare], [*logits, *[1.0] * 19], Link()).to_json()["probes"]
    assert set(found["policy_refusal"]) == {"description", "n"}
    assert {"mean", "interval"} & set(found["refuse_then_comply"]) == set()
    many = [example(300 + i, True, f"k{i}", "policy_refusal") for i in range(20)]
    assert validate(many + rows, [1.0] * 20 + logits, Link()).probes["policy_refusal"].n == 20


def test_a_chance_of_one_half_is_rated_harmful() -> None:
    rows = [example(0, True, "a", ""), example(1, False, "b", "")]
    assert validate(rows, [0.0, -1.0], Link()).accuracy.mean == 1
