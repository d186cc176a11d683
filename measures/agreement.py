"""Agreement of two labellings beyond chance: kappa plain and quadratic, macro-F1; for many
weightings at once.

B = weightings, n = items, K = classes. The tests hold these to scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from measures.bootstrap import Floats, divided


def confusion(
    truth: Sequence[object], called: Sequence[object], classes: Sequence[object], weights: Floats
) -> Floats:
    """(B, K, K) weights of items by true and called class.

    Raises KeyError for a label outside `classes`.
    """
    place = {label: number for number, label in enumerate(classes)}
    # One matrix product serves all weightings: a thousand draws by a loop over the items would take
    # minutes a table.
    cells = [place[a] * len(classes) + place[b] for a, b in zip(truth, called, strict=True)]
    indicator = np.zeros((len(cells), len(classes) ** 2))
    indicator[np.arange(len(cells)), cells] = 1.0
    return (weights @ indicator).reshape(len(weights), len(classes), len(classes))


def cohen_kappa(table: Floats, *, quadratic: bool = False) -> Floats:
    """(B,) 1 - disagreement / disagreement by chance; NaN where chance leaves none, as with one
    class only.
    """
    classes = np.arange(table.shape[1])
    away = np.abs(classes[:, None] - classes[None, :])
    # Cohen's weights; the divisor (K-1)^2 of the quadratic ones cancels between the two sums.
    cost = (away**2 if quadratic else away > 0).astype(np.float64)
    rows, columns = table.sum(axis=2), table.sum(axis=1)
    total = rows.sum(axis=1)
    observed = (table * cost).sum(axis=(1, 2)) * total
    by_chance = np.einsum("bi,bj,ij->b", rows, columns, cost)
    # observed / total against by_chance / total^2, multiplied out.
    return 1 - divided(observed, by_chance)


def macro_f1(table: Floats) -> Floats:
    """(B,) mean F1 of the classes that occur on either side; NaN without items."""
    hits = np.diagonal(table, axis1=1, axis2=2)
    both = table.sum(axis=1) + table.sum(axis=2)
    # F1 = 2 hits / (called + true): a class that stands on one side alone gets 0, and no 0 / 0.
    f1 = np.divide(2 * hits, both, out=np.zeros_like(both), where=both > 0)
    present = (both > 0).sum(axis=1)
    return divided(f1.sum(axis=1), present.astype(np.float64))


def correlation(first: ArrayLike, second: ArrayLike, weights: Floats) -> Floats:
    """(B,) Pearson's correlation; of ranks it is Spearman's. NaN where either side is constant."""
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    # A draw without any item would divide by 0; `divided` then makes it NaN by its empty spread.
    total = np.maximum(weights.sum(axis=1), 1e-12)
    mean_x, mean_y = weights @ x / total, weights @ y / total
    covariance = weights @ (x * y) / total - mean_x * mean_y
    spread = (weights @ x**2 / total - mean_x**2) * (weights @ y**2 / total - mean_y**2)
    # Rounding leaves a spread of 1e-17 where a side is constant, whose root would be divided by.
    return divided(covariance, np.sqrt(np.where(spread > 1e-18, spread, 0.0)))
