"""Guarantees on rates that hold whatever was searched through: exact binomial tails and
fixed-sequence testing.

Learn then Test (Angelopoulos et al., arXiv 2110.01052): each candidate's hypothesis "its risk is
above the limit" gets a p-value from calibration data; testing candidates in an order fixed
beforehand, each at the whole delta, and stopping at the first that is not rejected, certifies a
false one with a chance of at most delta.
"""

from __future__ import annotations

from collections.abc import Sequence

import scipy


def upper_bound(count: int, n: int, delta: float = 0.05) -> float:
    """The rate above which `count` or fewer of n would be seen with a chance below delta (Clopper
    and Pearson, one-sided).

    >>> round(upper_bound(0, 64), 4), round(upper_bound(0, 900), 4)
    (0.0457, 0.0033)
    """
    _require(count, n)
    # The beta quantile has no value at n of n, where nothing bounds the rate from above.
    return 1.0 if count == n else float(scipy.stats.beta.ppf(1 - delta, count + 1, n - count))


def excess_p_value(count: int, n: int, limit: float) -> float:
    """Of the hypothesis that the true rate is above the limit: the chance of so few at the limit
    itself.
    """
    _require(count, n)
    return float(scipy.stats.binom.cdf(count, n, limit))


def any_excess_p_value(counts: Sequence[tuple[int, int, float]]) -> float:
    """Of the hypothesis that at least one of several rates, (count, n, limit) each, is above its
    limit: the largest of theirs.
    """
    # Intersection-union: "every rate keeps its limit" is shown only by rejecting each of its
    # hypotheses, so the largest p-value decides and nothing is corrected.
    return max(excess_p_value(*one) for one in counts)


def fixed_sequence(p_values: Sequence[float], delta: float = 0.05) -> int:
    """How many candidates are certified, from the first on: up to the first whose p-value is above
    delta.
    """
    for place, p_value in enumerate(p_values):
        # Written so that NaN, which compares with nothing, ends the sequence and certifies nothing.
        if not p_value <= delta:
            return place
    return len(p_values)


def _require(count: int, n: int) -> None:
    if not 0 <= count <= n or n < 1:
        raise ValueError(f"wanted a count of at least one item, got {count} of {n}")
