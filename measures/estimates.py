"""Numbers with their intervals: estimates of one policy, paired comparisons of two.

Everywhere, None is *unscored*: it is left out of the number and counted beside it. Differences are
after - before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np

# scipy.stats is loaded at its first use: it takes a second that most processes do not need
import scipy

from measures.power import smallest_mean_difference, smallest_rate_difference

PERMUTATIONS = 9999
T = TypeVar("T")


@dataclass(frozen=True)
class Estimate:
    """A mean or a rate. `n` counts what was scored; without any, the numbers are None."""

    mean: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int = 0

    def to_json(self) -> dict[str, Any]:
        """As results.json has it."""
        return {
            "mean": self.mean,
            "interval": [self.low, self.high],
            "n": self.n,
            "unscored": self.unscored,
        }


MIN_PRINTED = 20
"""With fewer, a rate is no figure: its interval would hold most of what is possible."""


def printed(estimate: Estimate) -> dict[str, Any]:
    """As JSON; of fewer than MIN_PRINTED the count alone."""
    return estimate.to_json() if estimate.n >= MIN_PRINTED else {"n": estimate.n}


@dataclass(frozen=True)
class Comparison:
    """A paired difference. `n` counts pairs scored on both sides, `unscored` the others."""

    difference: float | None
    low: float | None
    high: float | None
    n: int
    p_value: float | None
    test: str
    p_holm: float | None = None
    unscored: int = 0
    mde: float | None = None
    """The smallest true difference, either way, that so many pairs with this spread show in 80 % of
    runs."""
    gained: int | None = None
    """Of rates: pairs that only `after` counts in. `lost`: that only `before` does."""
    lost: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As results.json has it."""
        row = asdict(self)
        row["interval"] = [row.pop("low"), row.pop("high")]
        return row


class Interval(NamedTuple):
    low: float
    high: float


def mean_estimate(
    values: Sequence[float | None],
    confidence: float = 0.95,
    clamp: tuple[float, float] | None = None,
) -> Estimate:
    """Mean and t interval, cut to `clamp`, the ends of the scale. One value has no interval."""
    scored = _scored(values)
    n, unscored = len(scored), len(values) - len(scored)
    if n == 0:
        return Estimate(None, None, None, 0, unscored)
    mean = float(scored.mean())
    if n == 1:
        return Estimate(mean, None, None, 1, unscored)
    low, high = t_interval(scored, confidence)
    if clamp:
        low, high = max(low, clamp[0]), min(high, clamp[1])
    return Estimate(mean, low, high, n, unscored)


def rate_estimate(flags: Sequence[bool | None], confidence: float = 0.95) -> Estimate:
    """Share of True and its Wilson interval, which has a width even at 0 of n."""
    scored = [flag for flag in flags if flag is not None]
    return count_estimate(
        sum(map(bool, scored)), len(scored), confidence, unscored=len(flags) - len(scored)
    )


def count_estimate(count: int, n: int, confidence: float = 0.95, *, unscored: int = 0) -> Estimate:
    """The same from `count` of `n`, for suites that are pooled."""
    if n == 0:
        return Estimate(None, None, None, 0, unscored)
    return Estimate(count / n, *wilson_interval(count, n, confidence), n, unscored)


def compare_scores(
    before: Sequence[float | None],
    after: Sequence[float | None],
    confidence: float = 0.95,
    *,
    seed: int = 0,
) -> Comparison:
    """Mean paired difference, its t interval, and the p value of a sign-flip permutation test.

    Under the null each difference could as well have had the other sign: exact up to 13 pairs, 9999
    seeded draws beyond.
    """
    test = "sign-flip permutation"
    pairs = _paired(before, after)
    differences = _scored([b - a for a, b in pairs])
    n, unscored = len(differences), len(before) - len(differences)
    if n == 0:
        return Comparison(None, None, None, 0, None, test, unscored=unscored)
    difference = float(differences.mean())
    if n == 1:
        return Comparison(difference, None, None, 1, None, test, unscored=unscored)
    result = scipy.stats.permutation_test(
        (differences,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        n_resamples=PERMUTATIONS,
        batch=1000,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    ends, mde = (
        t_interval(differences, confidence),
        smallest_mean_difference(n, float(differences.std(ddof=1)), confidence),
    )
    return Comparison(difference, *ends, n, float(result.pvalue), test, unscored=unscored, mde=mde)


def compare_rates(
    before: Sequence[bool | None], after: Sequence[bool | None], confidence: float = 0.95
) -> Comparison:
    """Difference of paired rates, Newcombe's interval, and the exact McNemar test on the pairs that
    changed.
    """
    test = "exact McNemar"
    pairs = _paired(before, after)
    n, unscored = len(pairs), len(before) - len(pairs)
    if n == 0:
        return Comparison(None, None, None, 0, None, test, unscored=unscored)
    both = sum(bool(a and b) for a, b in pairs)
    gained = sum(bool(b and not a) for a, b in pairs)
    lost = sum(bool(a and not b) for a, b in pairs)
    low, high = newcombe_interval(both, gained, lost, n - both - gained - lost, confidence)
    p_value, mde = (
        mcnemar_p(gained, gained + lost),
        smallest_rate_difference(n, churn(gained, lost, n), confidence),
    )
    return Comparison(
        (gained - lost) / n,
        low,
        high,
        n,
        p_value,
        test,
        unscored=unscored,
        mde=mde,
        gained=gained,
        lost=lost,
    )


def churn(gained: int, lost: int, n: int) -> float:
    """The share of pairs that change each way although nothing differs: the rarer way's, never 0,
    as none of n is no proof of none.
    """
    return (min(gained, lost) + 0.5) / (n + 1)


@cache  # as wilson_interval
def mcnemar_p(gained: int, changed: int) -> float:
    """Exact, two-sided: of the pairs that changed, each could as well have changed the other
    way.
    """
    return float(scipy.stats.binomtest(gained, changed, 0.5).pvalue) if changed else 1.0


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment over the tests that were made; None, a test that was not, stays
    None.

    The k-th smallest of m becomes max over the smaller ones of min(1, (m - k + 1) * p).
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(tested):
        highest = max(highest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = highest
    return adjusted


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
    low, high = scipy.stats.binomtest(count, n).proportion_ci(confidence, method="wilson")
    return Interval(float(low), float(high))


def newcombe_interval(
    both: int, first: int, second: int, neither: int, confidence: float
) -> Interval:
    """Interval of p1 - p2 for paired proportions: Newcombe, Stat.

    Med. 17 (1998) 2635-2650, method 10.

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
    phi = (
        (max(covariance - n / 2, 0) if covariance > 0 else covariance) / math.sqrt(margins)
        if margins
        else 0.0
    )
    below = math.sqrt(
        max((p1 - low1) ** 2 - 2 * phi * (p1 - low1) * (high2 - p2) + (high2 - p2) ** 2, 0.0)
    )
    above = math.sqrt(
        max((p2 - low2) ** 2 - 2 * phi * (p2 - low2) * (high1 - p1) + (high1 - p1) ** 2, 0.0)
    )
    return Interval(max(p1 - p2 - below, -1.0), min(p1 - p2 + above, 1.0))


def _scored(values: Sequence[float | None]) -> np.ndarray:
    scored = np.asarray([value for value in values if value is not None], float)
    if not np.isfinite(scored).all():
        raise ValueError(
            f"a score is not a finite number ({scored[~np.isfinite(scored)][0]}); what could not "
            "be scored must be None"
        )
    return scored


def _paired(before: Sequence[T | None], after: Sequence[T | None]) -> list[tuple[T, T]]:
    if len(before) != len(after):
        raise ValueError(
            f"a paired comparison needs the same prompts on both sides, got {len(before)} and "
            f"{len(after)}"
        )
    return [(a, b) for a, b in zip(before, after, strict=True) if a is not None and b is not None]
