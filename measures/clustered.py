"""Estimates and comparisons of prompts that come in groups, such as rewordings of one request.

Prompts of one group are not independent, so whole groups are drawn again. An interval is never
narrower than the one of independent prompts: a bootstrap of few groups, or of a share near 0 or 1,
is too narrow by itself. Where every group has one prompt, nothing differs from measures.estimates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from measures.bootstrap import bootstrap_estimate, cluster_weights, divided
from measures.estimates import (
    Comparison,
    Estimate,
    compare_rates,
    compare_scores,
    count_estimate,
    mean_estimate,
    newcombe_interval,
    rate_estimate,
    sign_flips,
)

Floats = NDArray[np.float64]
TEST = "sign-flip permutation of groups"
WIDER = 1.005


def clustered_mean(
    values: Sequence[float | None],
    groups: Sequence[str],
    confidence: float = 0.95,
    clamp: tuple[float, float] | None = None,
) -> Estimate:
    """`mean_estimate`, with an interval for groups of values."""
    plain = mean_estimate(values, confidence, clamp)
    scored, known = _known(values, groups)
    return plain if _alone(known) else _widened(plain, scored, known, confidence)


def clustered_rate(
    flags: Sequence[bool | None], groups: Sequence[str], confidence: float = 0.95
) -> Estimate:
    """`rate_estimate`, with an interval for groups of flags; where all agree, it is Wilson's of so
    many groups.
    """
    plain = rate_estimate(flags, confidence)
    scored, known = _known(flags, groups)
    if _alone(known):
        return plain
    if scored.min() == scored.max():
        count = len(set(known))
        few = count_estimate(int(scored[0]) * count, count, confidence)
        return replace(plain, low=few.low, high=few.high)
    return _widened(plain, scored, known, confidence)


def compare_clustered_scores(
    before: Sequence[float | None],
    after: Sequence[float | None],
    groups: Sequence[str],
    confidence: float = 0.95,
) -> Comparison:
    """`compare_scores`, with interval and test for groups of pairs."""
    plain = compare_scores(before, after, confidence)
    return _of_groups(plain, _differences(before, after), groups, confidence)


def compare_clustered_rates(
    before: Sequence[bool | None],
    after: Sequence[bool | None],
    groups: Sequence[str],
    confidence: float = 0.95,
) -> Comparison:
    """`compare_rates`, with interval and test for groups of pairs."""
    plain = compare_rates(before, after, confidence)
    return _of_groups(plain, _differences(before, after), groups, confidence)


def independent_pairs(found: Comparison, before: int, confidence: float = 0.95) -> int:
    """How many independent pairs would have an interval as wide as these pairs of rates.

    `before` counts the pairs that were so before. `found.n` where every pair is a group of its own,
    fewer where groups widened the interval; intervals narrow by the root of the number of pairs.
    """
    gained, lost, n = found.gained, found.lost, found.n
    if gained is None or lost is None or found.low is None or found.high is None:
        return n
    both = min(max(before - lost, 0), n - gained - lost)
    low, high = newcombe_interval(both, gained, lost, n - both - gained - lost, confidence)
    wider = (found.high - found.low) / (high - low)
    # A hair is the rounding of what was stored, and no group.
    return n if wider < WIDER else max(1, round(n / wider**2))


def _known(values: Sequence[float | None], groups: Sequence[str]) -> tuple[Floats, list[str]]:
    """What was scored, and the groups of it."""
    scored, known = [], []
    for value, group in zip(values, groups, strict=True):
        if value is not None:
            scored.append(float(value))
            known.append(group)
    return np.array(scored, dtype=np.float64), known


def _alone(groups: Sequence[str]) -> bool:
    return len(set(groups)) == len(groups)


def _differences(
    before: Sequence[float | None], after: Sequence[float | None]
) -> list[float | None]:
    found: list[float | None] = []
    for old, new in zip(before, after, strict=True):
        found.append(None if old is None or new is None else float(new) - float(old))
    return found


def _widened(plain: Estimate, scored: Floats, groups: Sequence[str], confidence: float) -> Estimate:
    drawn = _bootstrap(scored, groups, confidence)
    if drawn.low is None or drawn.high is None or plain.low is None or plain.high is None:
        # Prompts of one group alone say nothing of others.
        return replace(plain, low=None, high=None)
    return replace(plain, low=min(plain.low, drawn.low), high=max(plain.high, drawn.high))


def _bootstrap(scored: Floats, groups: Sequence[str], confidence: float) -> Estimate:
    return bootstrap_estimate(
        lambda weights: divided(weights @ scored, weights.sum(axis=1)),
        cluster_weights(groups),
        confidence=confidence,
    )


def _of_groups(
    plain: Comparison,
    differences: Sequence[float | None],
    groups: Sequence[str],
    confidence: float,
) -> Comparison:
    scored, known = _known(differences, groups)
    if _alone(known):
        return plain
    drawn = _bootstrap(scored, known, confidence)
    if drawn.low is None or drawn.high is None or plain.low is None or plain.high is None:
        return replace(plain, low=None, high=None, p_value=None, test=TEST, mde=None)
    low, high = min(plain.low, drawn.low), max(plain.high, drawn.high)
    wider = (high - low) / (plain.high - plain.low) if plain.high > plain.low else 1.0
    return replace(
        plain,
        low=low,
        high=high,
        p_value=_flips(scored, known),
        test=TEST,
        # What is found in so many runs grows as the interval does.
        mde=None if plain.mde is None else plain.mde * wider,
    )


def _flips(scored: Floats, groups: Sequence[str]) -> float:
    """Two-sided: under the null the differences of a group could all have had the other sign."""
    _, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums = np.bincount(place, weights=scored).astype(np.float64)
    return sign_flips(sums, lambda values, axis: values.sum(axis=axis))
