"""What gives the wanted answer away without its meaning: how it opens, and how long it is."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from data_prep.lint.items import Item
from data_prep.wording import normalise
from records.rows import text_of

OPENING_WORDS = 3
OPENINGS_SHOWN = 10
MIN_SAME_OPENINGS = 2
"""An opening of one answer is no boilerplate, and the report shows the text of no row."""
NORMAL_95 = statistics.NormalDist().inv_cdf(0.975)
MIN_PAIRS = 20
"""For the normal interval to mean what it says."""


def openings(items: Iterable[Item]) -> dict[str, float]:
    """Share of the safe answers by their first three words, for those that several begin with; the most usual first."""
    answers = (normalise(text_of(item.answer)).split() for item in items if item.kind == "harmful" and item.has_answer)
    counts = Counter(" ".join(words[:OPENING_WORDS]) for words in answers if words)
    return {words: round(n / counts.total(), 4) for words, n in counts.most_common(OPENINGS_SHOWN) if n >= MIN_SAME_OPENINGS}


def length_bias(items: Sequence[Item]) -> dict[str, Any]:
    """Standardised mean difference of word counts, chosen - rejected, with a 95 % interval; {} for fewer than two pairs.

    d = mean(c - r) / s, s^2 = (var(c) + var(r)) / 2; the interval is mean(c - r) -+ 1.96 sd(c - r) / sqrt(n), over the same s. An s below
    one word counts as one word, so that answers which are all equally long leave a finite number.
    """
    if len(items) < 2:
        return {}
    chosen = [float(len(text_of(item.answer).split())) for item in items]
    rejected = [float(len(text_of(item.rejected).split())) for item in items]
    differences = [c - r for c, r in zip(chosen, rejected, strict=True)]
    scale = max(1.0, math.sqrt((statistics.variance(chosen) + statistics.variance(rejected)) / 2))
    mean = statistics.fmean(differences)
    half = NORMAL_95 * statistics.stdev(differences) / math.sqrt(len(items))
    return {
        "effect": round(mean / scale, 4),
        "ci95": [round((mean - half) / scale, 4), round((mean + half) / scale, 4)],
        "n": len(items),
        "mean_words": {"chosen": round(statistics.fmean(chosen), 1), "rejected": round(statistics.fmean(rejected), 1)},
        "chosen_is_longer": round(sum(d > 0 for d in differences) / len(items), 4),
    }


def is_biased(bias: dict[str, Any], limit: float) -> bool:
    """Beyond the limit, and hardly by chance."""
    return bool(bias) and bias["n"] >= MIN_PAIRS and abs(bias["effect"]) > limit and bias["ci95"][0] * bias["ci95"][1] > 0
