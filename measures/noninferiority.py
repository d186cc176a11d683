"""Is something no worse than before, by more than a margin that was fixed beforehand?

Differences are after - before, higher is better. "No worse" holds where the lower end of the
interval of the difference lies above -margin (CONSORT's extension, JAMA 308 (2012) 2594-2604); an
interval of 95 % makes that a one-sided test at 2.5 %. "No difference was found" is no evidence of
this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from measures.estimates import Interval, compare_rates
from measures.stored import Ends, ends_of, number_or_none
from records.own_files import Object, entry


@dataclass(frozen=True)
class NonInferiority:
    """A paired difference held against a margin.

    `n` counts pairs, or clusters where there are some.
    """

    difference: float | None
    low: float | None
    high: float | None
    n: int
    margin: float
    p_value: float | None
    """One-sided, of "worse by the margin or more"."""

    @property
    def holds(self) -> bool:
        """Shown to be no worse than the margin allows; without an interval nothing is shown."""
        # Strictly above: an end exactly at the margin allows a loss of the margin itself.
        return self.low is not None and self.low > -self.margin

    @property
    def interval(self) -> Ends:
        """(low, high)"""
        return self.low, self.high

    @classmethod
    def from_json(cls, value: Object) -> NonInferiority:
        """Raises ValueError where it is none."""
        low, high = ends_of(value)
        return cls(
            number_or_none(value, "difference"),
            low,
            high,
            entry(value, "n", int),
            entry(value, "margin", float),
            number_or_none(value, "p_value"),
        )

    def to_json(self) -> dict[str, Any]:
        """As results.json has it."""
        interval = [self.low, self.high]
        numbers = {"difference": self.difference, "interval": interval, "n": self.n}
        return {**numbers, "margin": self.margin, "p_value": self.p_value, "retained": self.holds}


def non_inferior_rate(
    before: Sequence[bool], after: Sequence[bool], margin: float, confidence: float = 0.95
) -> NonInferiority:
    """Of paired right and wrong items: Newcombe's interval, and the p value of the t test of d +
    margin.

    Raises ValueError where the two sides are of different lengths or the margin is not above 0.
    """
    _require_margin(margin)
    # Newcombe's interval decides, since the t interval has no width where no pair changed.
    found = compare_rates(before, after, confidence)
    differences = np.asarray(after, float) - np.asarray(before, float)
    return NonInferiority(
        found.difference, found.low, found.high, found.n, margin, _p_above(differences, -margin)
    )


def non_inferior_mean(
    differences: Sequence[float],
    margin: float,
    confidence: float = 0.95,
    *,
    weights: Sequence[float] | None = None,
) -> NonInferiority:
    """Of paired differences, one a cluster: sum(differences) / sum(weights), for example tokens.

    Without weights every pair counts once and the interval is the paired t test's. With them
    `differences` are sums over the clusters and the variance is that of a ratio, clustered as
    sqrt(C / (C - 1) * sum(residual^2)) / sum(weights), with C - 1 degrees of freedom.
    """
    _require_margin(margin)
    sums = np.asarray(differences, dtype=np.float64)
    sizes = np.ones_like(sums) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(sums) != len(sizes):
        raise ValueError(f"wanted a weight for each of {len(sums)} differences, got {len(sizes)}")
    n = len(sums)
    if n < 2 or not sizes.sum() > 0:
        value = float(sums[0] / sizes[0]) if n and sizes[0] else None
        return NonInferiority(value, None, None, n, margin, None)
    value = float(sums.sum() / sizes.sum())
    # Tokens of one text are not independent: the text is the unit, or n would be the tokens.
    error = clustered_error(sums, sizes)
    half = float(scipy.stats.t.ppf((1 + confidence) / 2, n - 1)) * error
    p_value = _tail((value + margin), error, n - 1)
    return NonInferiority(value, value - half, value + half, n, margin, p_value)


def ratio_interval(sums: Sequence[float], sizes: Sequence[float], confidence: float) -> Interval:
    """Of sum(sums) / sum(sizes), one of each a cluster, by the same standard error; two at
    least.
    """
    totals, counts = np.asarray(sums, float), np.asarray(sizes, float)
    value = float(totals.sum() / counts.sum())
    quantile = float(scipy.stats.t.ppf((1 + confidence) / 2, len(totals) - 1))
    half = quantile * clustered_error(totals, counts)
    return Interval(value - half, value + half)


def clustered_error(sums: np.ndarray, sizes: np.ndarray) -> float:
    """Standard error of sum(sums) / sum(sizes) over (C,) clusters."""
    n = len(sums)
    residuals = sums - sums.sum() / sizes.sum() * sizes
    return math.sqrt(n / (n - 1) * float((residuals**2).sum())) / float(sizes.sum())


def _p_above(differences: np.ndarray, bound: float) -> float | None:
    n = len(differences)
    if n < 2:
        return None
    error = float(differences.std(ddof=1)) / math.sqrt(n)
    return _tail(float(differences.mean()) - bound, error, n - 1)


def _tail(distance: float, error: float, freedom: int) -> float:
    """P(t >= distance / error); differences that are all alike leave no doubt."""
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return float(scipy.stats.t.sf(distance / error, freedom))


def _require_margin(margin: float) -> None:
    if not margin > 0:
        raise ValueError(f"the margin must be above 0 and fixed before measuring, got {margin}")
