"""People against people: how far raters of the same completions agree, the ceiling for any
scorer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from eval.judge_report.metrics import LEVELS, Metrics
from eval.label_sets.items import REFUSALS, Rated
from measures.agreement import cohen_kappa, confusion
from measures.bootstrap import RESAMPLES, bootstrap_estimate, cluster_weights
from measures.estimates import Estimate

PEOPLE = "people"


def people_metrics(rated: Sequence[Rated], *, resamples: int = RESAMPLES, seed: int = 0) -> Metrics:
    """Cohen's kappa over all pairs of raters of an item, by what they were asked; drawn by prompt.

    `n` counts items.
    """
    by_target: defaultdict[str, list[Rated]] = defaultdict(list)
    for item in rated:
        by_target[item.target].append(item)
    found: Metrics = {}
    for target, items in by_target.items():
        if target == "refusal":
            found["refusal_kappa"] = _kappa(_refused(items), resamples, seed)
            found["refusal_kappa_3"] = _kappa(items, resamples, seed, REFUSALS)
        elif target == "harmfulness":
            found["harmfulness_kappa"] = _kappa(items, resamples, seed, LEVELS, quadratic=True)
        else:
            found["kappa" if target == "harmful" else f"{target}_kappa"] = _kappa(
                items, resamples, seed
            )
    return found


def _refused(items: Sequence[Rated]) -> list[Rated]:
    made: list[Rated] = []
    for item in items:
        made.append(
            # Full and partial refusals are one word here, as scorers mostly give two.
            item._replace(words=tuple("yes" if word != "none" else "no" for word in item.words))
        )
    return made


def _kappa(
    items: Sequence[Rated],
    resamples: int,
    seed: int,
    classes: Sequence[object] = (),
    *,
    quadratic: bool = False,
) -> Estimate:
    pairs = []
    for item in items:
        for one, other in combinations(item.words, 2):
            pairs.append((item, one, other))
    first, second = [one for _, one, _ in pairs], [other for _, _, other in pairs]
    # All classes where the question has an order, or quadratic weights would shift with what
    # occurs.
    named = classes or sorted({*first, *second}, key=str)
    weights = cluster_weights([item.group for item, _, _ in pairs], resamples, seed)
    found = bootstrap_estimate(
        lambda w: cohen_kappa(confusion(first, second, named, w), quadratic=quadratic), weights
    )
    value = None if found.mean is None or np.isnan(found.mean) else found.mean
    # n counts items and not pairs of raters, which repeat the same item.
    return Estimate(value, found.low, found.high, len(items))
