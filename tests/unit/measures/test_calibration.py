"""Calibration against numbers worked by hand, scipy and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binomtest

from measures.calibration import (
    expected_calibration_error,
    fit_temperature,
    share,
    weighted_calibration,
)


def test_ece_by_hand():
    """Bin 0.2-0.3: two rows, 0.25 on average, half positive.

    Bin 0.9-1.0: two rows, 0.95, all positive. (0.25 + 0.05) / 2 = 0.15.
    """
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
    """Logits of +-2 that are right 3 times of 4 are calibrated where sigmoid(2 / T) = 3/4, so T = 2
    / ln 3.
    """
    logits, labels = [2.0] * 4 + [-2.0] * 4, [True] * 3 + [False] + [False] * 3 + [True]
    assert fit_temperature(logits, labels) == pytest.approx(2 / math.log(3), rel=1e-3)


def test_share_is_a_wilson_interval():
    got = share([True] * 7 + [False] * 3)
    wanted = binomtest(7, 10).proportion_ci(method="wilson")
    assert got == {"mean": 0.7, "interval": [wanted.low, wanted.high], "n": 10, "unscored": 0}


def test_the_weighted_error_is_the_same_with_weights_of_one_and_counts_drawn_rows():
    rng = np.random.default_rng(2)
    p = rng.random(200)
    y = rng.random(200) < p**2
    whole = np.ones((1, 200))
    drawn = rng.multinomial(200, np.full(200, 1 / 200), size=1).astype(float)
    rows = np.repeat(np.arange(200), drawn[0].astype(int))
    found = weighted_calibration(p, y, np.concatenate([whole, drawn]))
    assert found == pytest.approx(
        [
            expected_calibration_error(p, y)[0],
            expected_calibration_error(p[rows], y[rows])[0],
        ]
    )
