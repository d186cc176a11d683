"""Numbers with their intervals: estimates of one policy, paired comparisons of two.

Everywhere, None is *unscored*: it is left out of the number and counted beside it. Differences are
after - before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

import numpy as np

# scipy.stats is loaded at its first use: it takes a second that most processes do not need
import scipy
from numpy.typing import NDArray

from measures.estimate import MIN_PRINTED as MIN_PRINTED
from measures.estimate import Comparison as Comparison
from measures.estimate import Estimate as Estimate
from measures.estimate import PrintedFigure as PrintedFigure
from measures.intervals import Interval as Interval
from measures.intervals import newcombe_interval as newcombe_interval
from measures.intervals import t_interval as t_interval
from measures.intervals import wilson_interval as wilson_interval
from measures.power import smallest_mean_difference, smallest_rate_difference

PERMUTATIONS = 9999
T = TypeVar("T")


def printed(estimate: Estimate) -> PrintedFigure:
    """What of it may be shown."""
    # No interval either: 3 of 4 would be quoted as 75 %, whatever stands beside it.
    if estimate.n < MIN_PRINTED:
        return {"n": estimate.n}
    return {
        "mean": estimate.mean,
        "interval": list(estimate.interval),
        "n": estimate.n,
        "unscored": estimate.unscored,
    }


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
    # Only the interval is cut: a mean of values within the scale lies within it by itself.
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


def sign_flips(
    values: NDArray[np.float64], statistic: Callable[..., NDArray[np.float64]], seed: int = 0
) -> float:
    """The two-sided p value under which each value could as well have had the other sign; exact for
    few, else of seeded draws.
    """
    # No normal distribution is assumed: harmfulness piles up at 1 and 5.
    result = scipy.stats.permutation_test(
        (values,),
        statistic,
        permutation_type="samples",
        n_resamples=PERMUTATIONS,
        # All 9999 draws of thousands of prompts at once would take hundreds of megabytes.
        batch=1000,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


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
    # The prompts are the same on both sides; their differences cancel what a prompt adds to both,
    # which an unpaired test would count as noise.
    differences = _scored([b - a for a, b in pairs])
    n, unscored = len(differences), len(before) - len(differences)
    if n == 0:
        return Comparison(None, None, None, 0, None, test, unscored=unscored)
    difference = float(differences.mean())
    if n == 1:
        return Comparison(difference, None, None, 1, None, test, unscored=unscored)
    p_value = sign_flips(differences, lambda values, axis: values.mean(axis=axis), seed)
    ends, mde = (
        t_interval(differences, confidence),
        smallest_mean_difference(n, float(differences.std(ddof=1)), confidence),
    )
    return Comparison(difference, *ends, n, p_value, test, unscored=unscored, mde=mde)


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
        # Pairs that agree say nothing of the difference; the exact test needs no large counts.
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
    # Adjusted over the tests that were made: a missing comparison would only cost power.
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(tested):
        # Never below a smaller p-value's adjustment, or the order of the findings could turn.
        highest = max(highest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = highest
    return adjusted


def _scored(values: Sequence[float | None]) -> np.ndarray:
    scored = np.asarray([value for value in values if value is not None], float)
    # A NaN in one mean would turn every figure above it into NaN without a name to look for.
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
    # Both sides or neither: a prompt that one side could not be scored on has no difference.
    return [(a, b) for a, b in zip(before, after, strict=True) if a is not None and b is not None]
