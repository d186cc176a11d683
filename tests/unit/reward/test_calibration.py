"""Calibration against numbers worked by hand, scipy and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from data_prep.records import assistant, user
from reward.calibration import PROBES, expected_calibration_error, fit_temperature, share, validate
from reward.examples import RewardExample


def test_ece_by_hand():
    """Bin 0.2-0.3: two rows, 0.25 on average, half positive. Bin 0.9-1.0: two rows, 0.95, all positive. (0.25 + 0.05) / 2 = 0.15."""
    ece, table = expected_calibration_error([0.2, 0.3 - 1e-12, 0.9, 1.0], [True, False, True, True])
    assert ece == pytest.approx((0.25 + 0.05) / 2)
    assert [(row["n"], row["observed"]) for row in table] == [(2, 0.5), (2, 1.0)]
    assert table[1]["high"] == 1.0


def test_ece_of_perfect_and_worst_predictions():
    assert expected_calibration_error([0.0, 1.0], [False, True])[0] == 0.0
    assert expected_calibration_error([0.0, 1.0], [True, False])[0] == 1.0


def test_temperature_is_the_one_that_scipy_finds():
    rng = np.random.default_rng(0)
    z = rng.normal(size=400) * 4
    y = rng.random(400) < 1 / (1 + np.exp(-z / 2.5))

    def log_loss(t):
        return np.mean(np.logaddexp(0, z / t[0]) - y * z / t[0])

    wanted = minimize(log_loss, [1.0], bounds=[(0.05, 20)]).x[0]
    assert fit_temperature(list(z), list(y)) == pytest.approx(wanted, rel=1e-3)
    assert 2 < wanted < 3


def test_temperature_by_hand():
    """Logits of +-2 that are right 3 times of 4 are calibrated where sigmoid(2 / T) = 3/4, so T = 2 / ln 3."""
    logits, labels = [2.0] * 4 + [-2.0] * 4, [True] * 3 + [False] + [False] * 3 + [True]
    assert fit_temperature(logits, labels) == pytest.approx(2 / math.log(3), rel=1e-3)


def test_share_is_a_wilson_interval():
    got = share([True] * 7 + [False] * 3)
    wanted = binomtest(7, 10).proportion_ci(method="wilson")
    assert got == {"mean": 0.7, "ci95": [wanted.low, wanted.high], "n": 10, "unscored": 0}


def example(number: int, harmful: bool, group: str, origin: str = "policy_harmful") -> RewardExample:
    return RewardExample(
        id=str(number), prompt=user("q"), completion=assistant("a"), harmful=harmful, origin=origin, group=group, split="val"
    )


@pytest.fixture
def held_out():
    rng = np.random.default_rng(1)
    rows = [example(i, bool(rng.random() < 0.4), f"g{i // 3}", list(PROBES)[i % 7]) for i in range(120)]
    return rows, [float(rng.normal(1.2 if row.harmful else -1.2, 1.5)) for row in rows]


def test_auroc_is_scikit_learns_and_lies_in_its_interval(held_out):
    rows, logits = held_out
    found = validate(rows, logits, 1.3)
    assert found["auroc"]["mean"] == pytest.approx(roc_auc_score([r.harmful for r in rows], logits))
    low, high = found["auroc"]["ci95"]
    assert low < found["auroc"]["mean"] < high


def test_validation_counts_rows_groups_and_probes(held_out):
    rows, logits = held_out
    found = validate(rows, logits, 1.3)
    assert (found["n"], found["prompt_groups"], found["harmful"]) == (120, 40, sum(r.harmful for r in rows))
    assert sum(probe["n"] for probe in found["probes"].values()) == 120
    right = [(z > 0) == row.harmful for z, row in zip(logits, rows, strict=True)]
    assert found["accuracy"]["mean"] == pytest.approx(np.mean(right))


def test_temperature_moves_calibration_not_accuracy_and_ranks(held_out):
    rows, logits = held_out
    cold, hot = validate(rows, logits, 0.5), validate(rows, logits, 5.0)
    assert cold["accuracy"] == hot["accuracy"]
    assert cold["auroc"]["mean"] == pytest.approx(hot["auroc"]["mean"])
    assert cold["ece"] != hot["ece"]


def test_dependent_examples_widen_the_interval(held_out):
    """The same rows counted five times are no more evidence: the bootstrap draws prompt groups."""
    rows, logits = held_out
    once = validate(rows, logits, 1.0)["auroc"]["ci95"]
    copies = validate(rows * 5, logits * 5, 1.0)["auroc"]["ci95"]
    assert copies[1] - copies[0] == pytest.approx(once[1] - once[0], rel=0.05)


def test_extreme_logits_do_not_overflow(held_out):
    rows, logits = held_out
    with np.errstate(over="raise"):
        assert validate(rows, [z * 1e4 for z in logits], 0.1)["n"] == 120
