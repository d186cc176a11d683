"""Differences of two estimates of which only the figures are known, and not which prompts they
share.
"""

from __future__ import annotations

import math

from measures.estimates import Comparison, Estimate


def unpaired_difference(before: Estimate, after: Estimate) -> Comparison:
    """after - before of two estimates.

    The interval joins their own by the method of variance estimates recovery (Zou and Donner, Stat.
    Med. 27 (2008) 1693-1702), which for Wilson's is Newcombe's method 10 for independent rates.
    Without the pairs it is wider than need be, never narrower than for prompts on which both do
    alike.
    """
    test, n = "none, unpaired", min(before.n, after.n)
    if before.mean is None or after.mean is None:
        return Comparison(None, None, None, n, None, test)
    difference = after.mean - before.mean
    ends = [*before.interval, *after.interval]
    low_b, high_b, low_a, high_a = (math.nan if end is None else end for end in ends)
    if not all(map(math.isfinite, (low_b, high_b, low_a, high_a))):
        return Comparison(difference, None, None, n, None, test)
    below = math.hypot(after.mean - low_a, high_b - before.mean)
    above = math.hypot(high_a - after.mean, before.mean - low_b)
    return Comparison(difference, difference - below, difference + above, n, None, test)
