"""Does a scorer notice completions of a kind that it does not know?

Its uncertainty on one set beside that on another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.judge_report.metrics import Metrics, uncertainty_of
from eval.judge_report.readings import Reading
from eval.label_sets.items import LabelSet
from measures.bootstrap import RESAMPLES, Floats, bootstrap_estimate, cluster_weights
from measures.ranking import auroc


def out_of_domain(
    inside: tuple[LabelSet, Reading],
    outside: tuple[LabelSet, Reading],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Metrics:
    """Chance that a completion of `outside` is less certain than one of `inside`; empty where the
    scorer states no uncertainty.

    Each set is drawn by its own prompts. `n` counts completions of both.
    """
    columns, weights = [], []
    for label_set, reading in (inside, outside):
        found = uncertainty_of(reading)
        # A constant uncertainty ranks nothing.
        if found is None or np.nanmax(found) == np.nanmin(found):
            return {}
        kept = np.flatnonzero(np.isfinite(found))
        columns.append(found[kept])
        weights.append(
            # Another seed for each set: the same draws would tie prompts that have nothing in
            # common.
            cluster_weights(_groups(label_set, kept.tolist()), resamples, seed + len(columns))
        )
    foreign = np.repeat([False, True], [len(column) for column in columns])
    values: Floats = np.concatenate(columns)
    return {
        "out_of_domain_auroc": bootstrap_estimate(
            lambda w: auroc(values, foreign, w), np.concatenate(weights, axis=1)
        )
    }


def _groups(label_set: LabelSet, places: Sequence[int]) -> list[str]:
    return [label_set.items[place].group for place in places]
