"""Every scorer beside people, on every set: the whole of it, each writer's part, each
category's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.judge_report.beyond_rule import differences
from eval.judge_report.metrics import Comparison as Comparison
from eval.judge_report.metrics import Metrics, Slice, item_metrics, pair_metrics
from eval.judge_report.people import PEOPLE, people_metrics
from eval.judge_report.readings import Reading
from eval.label_sets.items import LabelSet
from measures.bootstrap import RESAMPLES, cluster_weights
from measures.estimates import Estimate
from records.own_files import Object

WRITER, CATEGORY = "writer", "category"


class Part(NamedTuple):
    name: str
    places: NDArray[np.intp]
    """Of the set's items."""


def parts_of(label_set: LabelSet) -> list[Part]:
    """The whole set first, then what each writer wrote and what each category holds, where there
    are several.
    """
    items = label_set.items
    parts = [Part(label_set.name, np.arange(len(items)))]
    for title, words in (
        (WRITER, [item.writer for item in items]),
        (CATEGORY, [item.category for item in items]),
    ):
        named = sorted({word for word in words if word})
        # One writer alone would repeat the whole set under another name.
        if len(named) > 1:
            column = np.array(words)
            for word in named:
                parts.append(
                    Part(f"{label_set.name}/{title}/{word}", np.flatnonzero(column == word))
                )
    return parts


def compare(
    label_set: LabelSet,
    readings: Sequence[Reading],
    rule: Reading,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Metrics of each reading on each part of the set, also beside the string rule's, and of people
    against people.
    """
    found: Comparison = {reading.scorer: {} for reading in readings}
    # The same yardstick for all scorers: what the rule does not call refused.
    kept = np.array([word == "none" for word in rule.refusals], dtype=bool)
    for part in parts_of(label_set):
        items = [label_set.items[place] for place in part.places]
        drawn = Slice(
            items,
            cluster_weights([item.group for item in items], resamples, seed),
            kept[part.places],
        )
        inside = set(part.places.tolist())
        pairs = []
        for pair in label_set.pairs:
            # A pair belongs to a part only with both sides.
            if pair.chosen in inside and pair.rejected in inside:
                pairs.append(pair)
        pair_weights = cluster_weights(
            [label_set.items[pair.chosen].group for pair in pairs], resamples, seed
        )
        for reading in readings:
            mine = _within(reading, part.places)
            metrics = item_metrics(mine, drawn) | pair_metrics(reading, pairs, pair_weights)
            # Against itself the difference is 0 with no width.
            if reading.scorer != rule.scorer:
                metrics |= differences(mine, _within(rule, part.places), drawn)
            if metrics:
                found[reading.scorer][part.name] = metrics
    if label_set.rated:
        found[PEOPLE] = _people(label_set, resamples, seed)
    return found


def _within(reading: Reading, places: NDArray[np.intp]) -> Reading:
    values = {channel: column[places] for channel, column in reading.values.items()}
    uncertainty = None if reading.uncertainty is None else reading.uncertainty[places]
    refusals = [reading.refusals[place] for place in places]
    return dataclasses.replace(reading, values=values, refusals=refusals, uncertainty=uncertainty)


def _people(label_set: LabelSet, resamples: int, seed: int) -> dict[str, Metrics]:
    found = {label_set.name: people_metrics(label_set.rated, resamples=resamples, seed=seed)}
    writers = sorted({item.writer for item in label_set.rated})
    if len(writers) > 1:
        for writer in writers:
            mine = []
            for item in label_set.rated:
                if item.writer == writer:
                    mine.append(item)
            found[f"{label_set.name}/{WRITER}/{writer}"] = people_metrics(
                mine, resamples=resamples, seed=seed
            )
    return found


def joined(comparisons: Sequence[Mapping[str, Mapping[str, Metrics]]]) -> Comparison:
    """The comparisons of several sets as one."""
    found: Comparison = {}
    for comparison in comparisons:
        for scorer, sets in comparison.items():
            for name, metrics in sets.items():
                found.setdefault(scorer, {}).setdefault(name, {}).update(metrics)
    return found


def to_json(comparison: Comparison) -> Object:
    """`{scorer: {set: {metric: {value, interval, n, unscored}}}}`; interval is null where there is
    none.
    """
    made: Object = {}
    for scorer, sets in comparison.items():
        made[scorer] = {
            name: {metric: _entry(estimate) for metric, estimate in metrics.items()}
            for name, metrics in sets.items()
        }
    return made


def _entry(estimate: Estimate) -> Object:
    """An estimate as judge_report.json has it."""
    interval = None if estimate.low is None else [estimate.low, estimate.high]
    return {
        "value": estimate.mean,
        "interval": interval,
        "n": estimate.n,
        "unscored": estimate.unscored,
    }
