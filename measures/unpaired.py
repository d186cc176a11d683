"""Differences of two estimates of which only the figures are known, and not which prompts they
share.
"""

from __future__ import annotations

import math

from measures.estimates import Comparison, Estimate


def unpaired_difference(before: Estimate | None, after: Estimate | None) -> Comparison:
    """after - before of two estimates; None is what was not measured.

    The interval joins their own by the method of variance estimates recovery (Zou and Donner, Stat.
    Med. 27 (2008) 1693-1702), which for Wilson's is Newcombe's method 10 for independent rates.
    Without the pairs it is wider than need be, never narrower than for prompts on which both do
    alike.
    """
    test = "none, unpaired"
    # The smaller of the two, as the figure is no better known than its weaker side.
    n = min(before.n if before else 0, after.n if after else 0)
    if not before or not after or before.mean is None or after.mean is None:
        return Comparison(None, None, None, n, None, test)
    ends = [*before.interval, *after.interval]
    difference = after.mean - before.mean
    # A file of results may hold NaN or null for an end; hypot would hand a NaN on as a width.
    known = [end for end in ends if end is not None and math.isfinite(end)]
    if len(known) < len(ends):
        return Comparison(difference, None, None, n, None, test)
    low_b, high_b, low_a, high_a = known
    # The interval's lower end goes with the low end of `after` and the high end of `before`.
    below = math.hypot(after.mean - low_a, high_b - before.mean)
    above = math.hypot(high_a - after.mean, before.mean - low_b)
    return Comparison(difference, difference - below, difference + above, n, None, test)
