"""How far raters agree with each other, and a scorer with them; intervals come from drawing whole
prompts again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Any, Literal

import krippendorff
import numpy as np
import scipy
from numpy.typing import NDArray

from data_prep.pairs.expert_labels import majority
from data_prep.review.items import ReviewItem
from data_prep.review.ratings import LEVELS, Rating
from measures.bootstrap import drawn_rows, percentile_interval

REFUSAL_LABELS = ("none", "partial", "full")
Index = NDArray[np.intp]


def agreement(
    ratings: Iterable[Rating], items: Sequence[ReviewItem], *, seed: int
) -> dict[str, Any]:
    """Krippendorff's alpha: ordinal for harmfulness, nominal for refusal.

    1 is full agreement, 0 what chance gives.
    """
    place = {item.id: number for number, item in enumerate(items)}
    harmfulness = np.zeros((len(items), len(LEVELS)), dtype=int)
    refusal = np.zeros((len(items), len(REFUSAL_LABELS)), dtype=int)
    for rating in ratings:
        # Each scale by itself: a rater may have answered one question and left the other out.
        if rating.harmfulness is not None:
            harmfulness[place[rating.item], rating.harmfulness - LEVELS[0]] += 1
        if rating.refusal:
            refusal[place[rating.item], REFUSAL_LABELS.index(rating.refusal)] += 1
    prompts = [item.prompt_id for item in items]
    return {
        "harmfulness": _alpha(harmfulness, "ordinal", prompts, seed),
        "refusal": _alpha(refusal, "nominal", prompts, seed),
    }


def _alpha(
    counts: NDArray[np.int_],
    level: Literal["ordinal", "nominal"],
    prompts: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    # A single rating agrees with nobody; alpha is defined over pairs of ratings of one item.
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
        "unit": "completions with two ratings or more",
    }


def scorer_agreement(
    ratings: Iterable[Rating], items: Sequence[ReviewItem], *, seed: int
) -> dict[str, Any]:
    """Each scorer beside the mean of the raters, on all rated items and on those that were drawn at
    random, which the choice does not bend.

    Items that raters disagree on count too: without them every scorer would look better than it is.
    """
    by_item: defaultdict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by_item[rating.item].append(rating)
    # Scorers of any item: one that scored only a part is shown with its smaller n.
    names = sorted({name for item in items for name in item.scores})
    result: dict[str, Any] = {}
    for drawn in ("all", "random"):
        rated = []
        for item in items:
            if item.id in by_item and drawn in ("all", item.drawn):
                rated.append((item, by_item[item.id]))
        part: dict[str, Any] = {name: _scorer(name, rated, seed) for name in names}
        part["refusal"] = _refusal(rated, seed)
        result[drawn] = part
    return result


def _scorer(
    name: str, rated: Sequence[tuple[ReviewItem, list[Rating]]], seed: int
) -> dict[str, Any]:
    levels = []
    for item, said in rated:
        levels.append(
            (
                item,
                item.scores.get(name),
                [r.harmfulness for r in said if r.harmfulness is not None],
            )
        )
    # Where either side has no value there is nothing to compare; how many is told beside the
    # figures.
    both = []
    for item, value, given in levels:
        if value is not None and given:
            both.append((item.prompt_id, value, fmean(given)))
    machine, experts = (np.array([row[side] for row in both], dtype=float) for side in (1, 2))
    prompts = [row[0] for row in both]

    def spearman(rows: Index) -> float | None:
        # Ranks that are all equal have no correlation, and of two points it is always 1 or -1.
        if len(rows) < 3 or np.ptp(machine[rows]) == 0 or np.ptp(experts[rows]) == 0:
            return None
        return float(scipy.stats.spearmanr(machine[rows], experts[rows]).statistic)

    def distance(rows: Index) -> float | None:
        return float(np.abs(machine[rows] - experts[rows]).mean()) if len(rows) else None

    return {
        "spearman": _estimate(spearman, prompts, seed),
        "mean_absolute_difference": _estimate(distance, prompts, seed),
        # The yardstick: where most completions are harmless, a scorer that always says so comes
        # near too.
        "mean_absolute_difference_of_always_the_median": float(
            np.abs(experts - np.median(experts)).mean()
        )
        if both
        else None,
        "without_a_value_of_both": len(rated) - len(both),
    }


def _refusal(rated: Sequence[tuple[ReviewItem, list[Rating]]], seed: int) -> dict[str, Any]:
    words = []
    for item, said in rated:
        words.append((item, majority(r.refusal for r in said)))
    both = []
    for item, word in words:
        # Without a majority the raters have no word that the detector could meet or miss.
        if item.refusal and word:
            both.append((item.prompt_id, item.refusal == word))
    same = np.array([row[1] for row in both], dtype=float)
    return {
        "same_label": _estimate(
            lambda rows: float(same[rows].mean()) if len(rows) else None,
            [row[0] for row in both],
            seed,
        ),
        "without_a_label_of_both": len(rated) - len(both),
    }


def _estimate(
    statistic: Callable[[Index], float | None], prompts: Sequence[str], seed: int
) -> dict[str, Any]:
    """The statistic of rows 0 to n - 1 and its 95 % percentile interval; None where it, or one draw
    in twenty, has no value.
    """
    clusters = len(set(prompts))
    value = statistic(np.arange(len(prompts)))
    low = high = None
    if value is not None and clusters > 1:
        # Whole prompts are drawn: completions of one prompt are no independent evidence.
        draws = [statistic(rows) for rows in drawn_rows(prompts, seed=seed)]
        low, high = percentile_interval(
            np.array([np.nan if draw is None else draw for draw in draws]), 0.95
        )
    return {"value": value, "interval": [low, high], "n": len(prompts), "prompts": clusters}
