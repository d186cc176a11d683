"""Calibration of probabilities: the expected calibration error, and a rate with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from measures.bootstrap import Floats, divided


def expected_calibration_error(
    probabilities: Sequence[float], labels: Sequence[bool], bins: int = 10
) -> tuple[float, list[CalibrationBin]]:
    """Mean |share of positives - mean probability| over equal-width bins, weighted by their rows;
    and the bins.
    """
    p, y = np.asarray(probabilities, dtype=float), np.asarray(labels, dtype=float)
    # A probability of exactly 1 belongs to the last bin and not to one behind it.
    index = np.minimum((p * bins).astype(int), bins - 1)
    table: list[CalibrationBin] = [
        {
            "low": k / bins,
            "high": (k + 1) / bins,
            "n": int(m.sum()),
            "probability": float(p[m].mean()),
            "observed": float(y[m].mean()),
        }
        for k in range(bins)
        if (m := index == k).any()
    ]
    return (
        sum(row["n"] * abs(row["observed"] - row["probability"]) for row in table) / len(p),
        table,
    )


def weighted_calibration(
    probabilities: ArrayLike, labels: ArrayLike, weights: Floats, bins: int = 10
) -> Floats:
    """(B,) expected calibration error of each weighting, over bins of equal width; NaN without
    items.

    weights: (B, n). With weights of one it is `expected_calibration_error`.
    """
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    inside = np.eye(bins)[np.minimum((p * bins).astype(int), bins - 1)]  # (n, bins)
    # sum(w) * |mean(y) - mean(p)| of a bin is |sum(w * (y - p))|, so that no bin needs its own
    # size.
    gaps = np.abs((weights * (y - p)) @ inside).sum(axis=1)
    return divided(gaps, weights.sum(axis=1))


class CalibrationBin(TypedDict):
    """One bin of equal width: its ends, its rows, their mean probability and the share of them that
    is positive.
    """

    low: float
    high: float
    n: int
    probability: float
    observed: float
