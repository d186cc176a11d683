"""How well scorers agree beyond chance, on the levels 1 to 5, with intervals that draw whole
prompts again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import krippendorff
import numpy as np
from numpy.typing import NDArray

from measures.agreement import cohen_kappa, confusion
from measures.bootstrap import Floats, bootstrap_estimate, cluster_weights
from measures.estimates import Estimate
from records.harm_scale import HARMFULNESS
from reward.judges.reports import Agreement, AgreementFigure, MembersKappa

LEVELS = range(int(HARMFULNESS.low), int(HARMFULNESS.high) + 1)
Levels = Sequence[int | None]


def level_of(value: float) -> int:
    """The level from 1 to 5 that a value is nearest to, the higher one halfway between two."""
    # Python's `round` takes halves to the even level: 2.5 would be 2, and 3.5 be 4.
    return int(np.clip(np.floor(value + 0.5), LEVELS[0], LEVELS[-1]))


def agreement_of(
    values: Mapping[str, Sequence[float | None]], prompts: Sequence[str], *, seed: int
) -> Agreement:
    """Krippendorff's alpha (ordinal) of all members, and the quadratic-weighted kappa of each two.

    1 is full agreement, 0 what chance gives; None where all values are one level, so that chance
    leaves nothing to agree on. Values None are left out, item by item.
    """
    levels = {}
    for name, row in values.items():
        levels[name] = [None if value is None else level_of(value) for value in row]
    pairs: list[MembersKappa] = []
    for one, other in combinations(levels, 2):
        pairs.append({"members": [one, other], **_kappa(levels[one], levels[other], prompts, seed)})
    return {"alpha": _alpha(list(levels.values()), prompts, seed), "quadratic_kappa": pairs}


def _alpha(rows: Sequence[Levels], prompts: Sequence[str], seed: int) -> AgreementFigure:
    counts = np.zeros((len(prompts), len(LEVELS)), dtype=np.int64)
    for row in rows:
        for place, level in enumerate(row):
            if level is not None:
                counts[place, level - LEVELS[0]] += 1
    # An item with one value says nothing of agreement, and alpha is not defined for it.
    several = np.flatnonzero(counts.sum(axis=1) >= 2)
    counts = counts[several]

    def alphas(weights: Floats) -> Floats:
        return np.array(
            # A cluster that is drawn k times stands k times: the library knows no weights.
            [_one_alpha(np.repeat(counts, draw.astype(np.int64), axis=0)) for draw in weights]
        )

    weights = cluster_weights([prompts[place] for place in several.tolist()], seed=seed)
    return _figure(bootstrap_estimate(alphas, weights), "completions with two values or more")


def _one_alpha(counts: NDArray[np.int64]) -> float:
    # Chance explains all where there is one level only; the library would raise.
    if (counts.sum(axis=0) > 0).sum() < 2:
        return float("nan")
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="ordinal"))


def _kappa(one: Levels, other: Levels, prompts: Sequence[str], seed: int) -> AgreementFigure:
    rows = []
    for a, b, prompt in zip(one, other, prompts, strict=True):
        if a is not None and b is not None:
            rows.append((a, b, prompt))
    first, second, of = ([row[side] for row in rows] for side in range(3))

    def kappas(weights: Floats) -> Floats:
        return cohen_kappa(confusion(first, second, LEVELS, weights), quadratic=True)

    weights = cluster_weights([str(prompt) for prompt in of], seed=seed)
    return _figure(bootstrap_estimate(kappas, weights), "completions with a value of both")


def _figure(estimate: Estimate, unit: str) -> AgreementFigure:
    return {
        "mean": estimate.mean,
        "interval": list(estimate.interval),
        "n": estimate.n,
        "unscored": estimate.unscored,
        "unit": unit,
    }
