"""Differences of two estimates of which only the figures are known, and not which prompts they
share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from measures.estimates import Comparison


def unpaired_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """after - before of two estimates as results.json holds them, `{mean, interval, n}`.

    The interval joins their own by the method of variance estimates recovery (Zou and Donner, Stat.
    Med. 27 (2008) 1693-1702), which for Wilson's is Newcombe's method 10 for independent rates.
    Without the pairs it is wider than need be, never narrower than for prompts on which both do
    alike.
    """
    test, n = "none, unpaired", min(before.get("n") or 0, after.get("n") or 0)
    if before.get("mean") is None or after.get("mean") is None:
        return Comparison(None, None, None, n, None, test)
    ends = [end for side in (before, after) for end in side.get("interval") or (None, None)]
    difference = after["mean"] - before["mean"]
    if any(end is None or not math.isfinite(end) for end in ends):
        return Comparison(difference, None, None, n, None, test)
    low_b, high_b, low_a, high_a = ends
    below = math.hypot(after["mean"] - low_a, high_b - before["mean"])
    above = math.hypot(high_a - after["mean"], before["mean"] - low_b)
    return Comparison(difference, difference - below, difference + above, n, None, test)
