"""How well values rank: AUROC, average precision, the best kappa, pairs.

Each for many weightings at once.

scikit-learn has the first two for one weighting at a time; a thousand draws of a thousand slices
would take it half an hour. The tests hold these to scikit-learn's. B = weightings, n = items, G =
distinct values.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from measures.bootstrap import Floats, divided


class _Ranked(NamedTuple):
    positive: Floats  # (B, G) weight of the positives at each distinct value
    negative: Floats  # (B, G)


def _ranked(
    values: ArrayLike, positive: ArrayLike, weights: Floats, *, descending: bool
) -> _Ranked:
    found, flags = np.asarray(values, dtype=np.float64), np.asarray(positive, dtype=np.float64)
    # An unstable sort may order ties, and with them the rounding of the sums, differently
    # elsewhere.
    order = np.argsort(-found if descending else found, kind="stable")
    # Equal values form one step: which of two ties comes first is chance and must not count.
    starts = np.flatnonzero(np.diff(found[order], prepend=np.nan) != 0)
    ordered = weights[:, order]
    return _Ranked(
        np.add.reduceat(ordered * flags[order], starts, axis=1),
        np.add.reduceat(ordered * (1 - flags[order]), starts, axis=1),
    )


def auroc(values: ArrayLike, positive: ArrayLike, weights: Floats) -> Floats:
    """(B,) chance that a positive ranks above a negative, ties one half; NaN without both."""
    ranked = _ranked(values, positive, weights, descending=False)
    below = np.cumsum(ranked.negative, axis=1) - ranked.negative
    won = (ranked.positive * (below + ranked.negative / 2)).sum(axis=1)
    return divided(won, ranked.positive.sum(axis=1) * ranked.negative.sum(axis=1))


def average_precision(values: ArrayLike, positive: ArrayLike, weights: Floats) -> Floats:
    """(B,) precision at each distinct value, weighted by the recall it adds; NaN without a
    positive.
    """
    ranked = _ranked(values, positive, weights, descending=True)
    hits = np.cumsum(ranked.positive, axis=1)
    called = hits + np.cumsum(ranked.negative, axis=1)
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    return divided((precision * ranked.positive).sum(axis=1), ranked.positive.sum(axis=1))


def kappa_ceiling(values: ArrayLike, positive: ArrayLike, weights: Floats) -> Floats:
    """(B,) the highest kappa that any threshold reaches, chosen with hindsight; NaN without both
    labels.

    What a scorer that ranks like this one could reach at this prevalence, and no claim about it.
    """
    ranked = _ranked(values, positive, weights, descending=True)
    hits, alarms = np.cumsum(ranked.positive, axis=1), np.cumsum(ranked.negative, axis=1)
    positives, total = hits[:, -1:], hits[:, -1:] + alarms[:, -1:]
    called = hits + alarms
    agree = (hits + (total - positives) - alarms) / np.maximum(total, 1)
    chance = (called * positives + (total - called) * (total - positives)) / np.maximum(
        total, 1
    ) ** 2
    kappa = np.divide(agree - chance, 1 - chance, out=np.zeros_like(agree), where=chance < 1)
    both = (positives[:, 0] > 0) & (positives[:, 0] < total[:, 0])
    # Calling everything the same has a kappa of 0, so no threshold needs to do worse.
    return np.where(both, np.maximum(kappa.max(axis=1), 0.0), np.nan)


def pair_accuracy(chosen: ArrayLike, rejected: ArrayLike, weights: Floats) -> Floats:
    """(B,) share of pairs whose chosen side has the lower value (harm: lower is better); ties one
    half.
    """
    difference = np.asarray(rejected, dtype=np.float64) - np.asarray(chosen, dtype=np.float64)
    # sign gives -1, 0, 1, which become 0, one half, 1.
    return weighted_share((np.sign(difference) + 1) / 2, weights)


def weighted_share(flags: ArrayLike, weights: Floats) -> Floats:
    """(B,) weighted mean of flags or shares; NaN without weight."""
    return divided(weights @ np.asarray(flags, dtype=np.float64), weights.sum(axis=1))
