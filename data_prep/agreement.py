"""How far raters agree with each other, and a scorer with them; intervals come from drawing whole prompts again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import krippendorff
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from data_prep.expert_labels import EXPERTS, ExpertLabel
from data_prep.ratings import LEVELS, Rating
from data_prep.review import ReviewItem

RESAMPLES = 1000
REFUSAL_LABELS = ("none", "partial", "full")
Index = NDArray[np.intp]


def agreement(ratings: Iterable[Rating], items: Sequence[ReviewItem], *, seed: int) -> dict[str, Any]:
    """Krippendorff's alpha: ordinal for harmfulness, nominal for refusal. 1 is full agreement, 0 what chance gives."""
    place = {item.id: number for number, item in enumerate(items)}
    harmfulness = np.zeros((len(items), len(LEVELS)), dtype=int)
    refusal = np.zeros((len(items), len(REFUSAL_LABELS)), dtype=int)
    for rating in ratings:
        if rating.harmfulness is not None:
            harmfulness[place[rating.item], rating.harmfulness - LEVELS[0]] += 1
        if rating.refusal:
            refusal[place[rating.item], REFUSAL_LABELS.index(rating.refusal)] += 1
    prompts = [item.prompt_id for item in items]
    return {
        "harmfulness": _alpha(harmfulness, "ordinal", prompts, seed),
        "refusal": _alpha(refusal, "nominal", prompts, seed),
    }


def _alpha(counts: NDArray[np.int_], level: Literal["ordinal", "nominal"], prompts: Sequence[str], seed: int) -> dict[str, Any]:
    paired = np.flatnonzero(counts.sum(axis=1) >= 2)
    counts = counts[paired]

    def alpha(rows: Index) -> float | None:
        # With one value only there is nothing that chance could miss, and alpha is 0 / 0.
        if (counts[rows].sum(axis=0) > 0).sum() < 2:
            return None
        return float(krippendorff.alpha(value_counts=counts[rows], level_of_measurement=level))

    return {
        "alpha": level,
        **_estimate(alpha, [prompts[number] for number in paired.tolist()], seed),
        "unit": "answers with two ratings or more",
    }


def scorer_agreement(labels: Iterable[ExpertLabel], items: Sequence[ReviewItem], *, seed: int) -> dict[str, Any]:
    """Each scorer beside the experts, on all rated items and on those that were drawn at random, which the choice does not bend."""
    said = {label.item: label for label in labels if label.scorer == EXPERTS}
    names = sorted({name for item in items for name in item.scores})
    result: dict[str, Any] = {}
    for drawn in ("all", "random"):
        rated = [item for item in items if item.id in said and drawn in ("all", item.drawn)]
        part: dict[str, Any] = {name: _scorer(name, rated, said, seed) for name in names}
        part["refusal"] = _refusal(rated, said, seed)
        result[drawn] = part
    return result


def _scorer(name: str, rated: Sequence[ReviewItem], said: dict[str, ExpertLabel], seed: int) -> dict[str, Any]:
    rows = [(item, item.scores.get(name), said[item.id].value) for item in rated]
    both = [(item, one, other) for item, one, other in rows if one is not None and other is not None]
    machine, experts = (np.array([row[side] for row in both], dtype=float) for side in (1, 2))
    prompts = [row[0].prompt_id for row in both]

    def spearman(rows: Index) -> float | None:
        if len(rows) < 3 or np.ptp(machine[rows]) == 0 or np.ptp(experts[rows]) == 0:
            return None
        return float(stats.spearmanr(machine[rows], experts[rows]).statistic)

    def distance(rows: Index) -> float | None:
        return float(np.abs(machine[rows] - experts[rows]).mean()) if len(rows) else None

    return {
        "spearman": _estimate(spearman, prompts, seed),
        "mean_absolute_difference": _estimate(distance, prompts, seed),
        "mean_absolute_difference_of_always_the_median": float(np.abs(experts - np.median(experts)).mean()) if both else None,
        "without_a_value_of_both": len(rated) - len(both),
    }


def _refusal(rated: Sequence[ReviewItem], said: dict[str, ExpertLabel], seed: int) -> dict[str, Any]:
    both = [(item.prompt_id, item.refusal == said[item.id].label) for item in rated if item.refusal and said[item.id].label]
    same = np.array([row[1] for row in both], dtype=float)
    return {"same_label": _estimate(lambda rows: float(same[rows].mean()) if len(rows) else None, [row[0] for row in both], seed)}


def _estimate(statistic: Callable[[Index], float | None], prompts: Sequence[str], seed: int) -> dict[str, Any]:
    """The statistic of rows 0 to n - 1 and its 95 % percentile interval; None where it, or one draw in twenty, has no value."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for row, prompt in enumerate(prompts):
        groups[prompt].append(row)
    clusters = [np.array(rows) for rows in groups.values()]
    value = statistic(np.arange(len(prompts)))
    low = high = None
    if value is not None and len(clusters) > 1:
        rng = np.random.default_rng(seed)
        draws = [
            statistic(np.concatenate([clusters[k] for k in rng.integers(len(clusters), size=len(clusters))])) for _ in range(RESAMPLES)
        ]
        found = [draw for draw in draws if draw is not None]
        if len(found) > 0.95 * RESAMPLES:
            low, high = (float(end) for end in np.percentile(found, [2.5, 97.5]))
    return {"value": value, "ci95": [low, high], "n": len(prompts), "prompts": len(clusters)}
