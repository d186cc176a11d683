"""Intervals by drawing whole clusters again: the completions of one prompt are not independent.

A draw is a row of weights, how often each item was drawn; a statistic takes all draws at once.
B = draws, n = items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from measures.estimates import Estimate

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""(B, n) weights to (B,) values, NaN where a draw has none."""
RESAMPLES = 1000
DEFINED = 0.95
"""Share of draws that must have a value, or there is no interval."""


def cluster_weights(groups: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """(B, n): how often the cluster of each item was drawn, of as many draws as there are
    clusters.
    """
    # Clusters are drawn and not items: completions of one prompt are alike, and drawing them one by
    # one would make every interval too narrow.
    _, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    clusters = int(place.max(initial=0)) + 1
    # A multinomial count a cluster is the same as drawing clusters with replacement, and lets a
    # statistic take all draws in one product.
    counts = np.random.default_rng(seed).multinomial(
        clusters, np.full(clusters, 1 / clusters), size=resamples
    )
    return np.asarray(counts[:, place], dtype=np.float64)


def drawn_rows(
    groups: Sequence[str], resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[NDArray[np.intp]]:
    """The rows of each draw, for statistics that take rows and no weights; clusters are numbered as
    they first occur.
    """
    members: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    clusters = [np.array(rows, dtype=np.intp) for rows in members.values()]
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.concatenate([clusters[k] for k in rng.integers(len(clusters), size=len(clusters))])


def bootstrap_estimate(
    statistic: Statistic, weights: Floats, *, confidence: float = 0.95, unscored: int = 0
) -> Estimate:
    """The statistic of all items, each counted once, and its percentile interval over the draws in
    `weights`.

    There is no interval where fewer than 95 % of the draws have a value, or where all items are of
    one cluster.
    """
    n = weights.shape[1]
    # The point is the statistic of the data itself; the mean of the draws would add their bias.
    value = float(statistic(np.ones((1, n)))[0]) if n else np.nan
    if not np.isfinite(value):
        return Estimate(None, None, None, n, unscored)
    # One cluster: every draw repeats the data, and an interval of no width would claim certainty.
    if (weights == weights[:, :1]).all():
        return Estimate(value, None, None, n, unscored)
    low, high = percentile_interval(statistic(weights), confidence)
    return Estimate(value, low, high, n, unscored)


def refitted_estimate(
    value: float, draws: ArrayLike, n: int, *, confidence: float = 0.95
) -> Estimate:
    """`value` with a normal interval from draws that were each fitted again; ends stay in [-1, 1].

    A draw holds two thirds of the clusters, so what is fitted on it is worse than what is fitted on
    all. The draws therefore tell the spread, and not the place. A hundred of them are enough for
    that.
    """
    found = np.asarray(draws, dtype=np.float64)
    found = found[np.isfinite(found)]
    # Draws that have no value are not random: they miss a rare class, so that what is left of them
    # would be an interval of other data.
    if len(found) < 2 or len(found) <= DEFINED * np.size(draws):
        return Estimate(value, None, None, n)
    half = float(scipy.stats.norm.ppf((1 + confidence) / 2) * found.std(ddof=1))
    return Estimate(value, max(value - half, -1.0), min(value + half, 1.0), n)


def divided(above: Floats, below: Floats) -> Floats:
    """above / below, NaN where `below` is nothing."""
    return np.asarray(np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0))


def percentile_interval(draws: Floats, confidence: float) -> tuple[float | None, float | None]:
    """(low, high) of the draws between equal tails; (None, None) where none is a number."""
    found = draws[np.isfinite(draws)]
    if not len(found) or len(found) <= DEFINED * len(draws):
        return None, None
    # Rounded, as (1 - 0.95) / 2 is not 0.025.
    low, high = np.quantile(
        found, [round((1 - confidence) / 2, 12), round((1 + confidence) / 2, 12)]
    )
    return float(low), float(high)
