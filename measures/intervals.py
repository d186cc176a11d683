"""Intervals of means, of shares, and of differences of paired shares."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

# scipy.stats is loaded at its first use: it takes a second that most processes do not need
import scipy


class Interval(NamedTuple):
    low: float
    high: float


def t_interval(values: np.ndarray, confidence: float) -> Interval:
    """Student's interval of a mean."""
    half = float(
        _t_quantile((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1)
    ) / math.sqrt(len(values))
    return Interval(float(values.mean()) - half, float(values.mean()) + half)


@cache
def _t_quantile(share: float, freedom: int) -> np.float64:
    return np.float64(scipy.stats.t.ppf(share, freedom))


# a millisecond each, and a thousand suites of twenty prompts ask the same few hundred again and
# again
@cache
def wilson_interval(count: int, n: int, confidence: float) -> Interval:
    """Wilson's score interval of a share: `count` of `n`."""
    # Wilson and not Wald, whose interval at 0 of n has no width.
    low, high = scipy.stats.binomtest(count, n).proportion_ci(confidence, method="wilson")
    return Interval(float(low), float(high))


def newcombe_interval(
    both: int, first: int, second: int, neither: int, confidence: float
) -> Interval:
    """Interval of p1 - p2 for paired proportions.

    Method 10 of Newcombe (Statistics in Medicine 17 (1998) 2635-2650).
    Wilson limits of the two margins, joined through their correlation phi, whose numerator is
    corrected for continuity.
    """
    n = both + first + second + neither
    p1, p2 = (both + first) / n, (both + second) / n
    (low1, high1), (low2, high2) = (
        wilson_interval(both + first, n, confidence),
        wilson_interval(both + second, n, confidence),
    )
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    covariance = both * neither - first * second
    # An empty row or column leaves the correlation undefined; 0 gives the wider interval.
    phi = (
        (max(covariance - n / 2, 0) if covariance > 0 else covariance) / math.sqrt(margins)
        if margins
        else 0.0
    )
    below = math.sqrt(
        # The root of a sum that rounding can leave just below 0 where phi is all but 1.
        max((p1 - low1) ** 2 - 2 * phi * (p1 - low1) * (high2 - p2) + (high2 - p2) ** 2, 0.0)
    )
    above = math.sqrt(
        max((p2 - low2) ** 2 - 2 * phi * (p2 - low2) * (high1 - p1) + (high1 - p1) ** 2, 0.0)
    )
    return Interval(max(p1 - p2 - below, -1.0), min(p1 - p2 + above, 1.0))
