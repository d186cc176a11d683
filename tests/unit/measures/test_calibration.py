"""Calibration against numbers worked by hand, scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from measures.calibration import expected_calibration_error, weighted_calibration
from measures.estimates import rate_estimate


def test_ece_by_hand() -> None:
    """Bin 0.2-0.3: two rows, 0.25 on average, half positive.

    Bin 0.9-1.0: two rows, 0.95, all positive. (0.25 + 0.05) / 2 = 0.15.
    """
    ece, table = expected_calibration_error([0.2, 0.3 - 1e-12, 0.9, 1.0], [True, False, True, True])
    assert ece == pytest.approx((0.25 + 0.05) / 2)
    assert [(row["n"], row["observed"]) for row in table] == [(2, 0.5), (2, 1.0)]
    assert table[1]["high"] == 1.0


def test_ece_of_perfect_and_worst_predictions() -> None:
    assert expected_calibration_error([0.0, 1.0], [False, True])[0] == 0.0
    assert expected_calibration_error([0.0, 1.0], [True, False])[0] == 1.0


def test_a_share_has_a_wilson_interval() -> None:
    got = rate_estimate([True] * 7 + [False] * 3).to_json()
    wanted = binomtest(7, 10).proportion_ci(method="wilson")
    assert got == {"mean": 0.7, "interval": [wanted.low, wanted.high], "n": 10, "unscored": 0}


def test_the_weighted_error_is_the_same_with_weights_of_one_and_counts_drawn_rows() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(200)
    y = rng.random(200) < p**2
    whole = np.ones((1, 200))
    drawn = rng.multinomial(200, np.full(200, 1 / 200), size=1).astype(float)
    rows = np.repeat(np.arange(200), drawn[0].astype(int))
    found = weighted_calibration(p, y, np.concatenate([whole, drawn]))
    assert found == pytest.approx(
        [
            expected_calibration_error(p.tolist(), y.tolist())[0],
            expected_calibration_error(p[rows].tolist(), y[rows].tolist())[0],
        ]
    )
