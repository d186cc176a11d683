"""What gives the wanted answer away without its meaning: how it opens, and how long it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from data_prep.lint.items import Item
from data_prep.near_duplicates import normalise
from data_prep.records import text_of

OPENING_WORDS = 3
OPENINGS_SHOWN = 10
MIN_SAME_OPENINGS = 2
"""An opening of one answer is no boilerplate, and the report shows the text of no row."""


def openings(items: Iterable[Item]) -> dict[str, float]:
    """Share of the safe answers by their first three words, for those that several begin with; the most usual first."""
    answers = (normalise(text_of(item.answer)).split() for item in items if item.kind == "harmful" and item.has_answer)
    counts = Counter(" ".join(words[:OPENING_WORDS]) for words in answers if words)
    return {words: round(n / counts.total(), 4) for words, n in counts.most_common(OPENINGS_SHOWN) if n >= MIN_SAME_OPENINGS}


def length_bias(items: Sequence[Item]) -> dict[str, Any]:
    """Standardised mean difference of word counts, chosen - rejected, with a 95 % interval; {} for fewer than two pairs.

    d = mean(c - r) / s, s^2 = (var(c) + var(r)) / 2. The interval is Student's for paired differences, over the same s. An s below
    one word counts as one word, so that answers which are all equally long leave a finite number.
    """
    words = np.array([[len(text_of(side).split()) for side in (item.answer, item.rejected)] for item in items], dtype=float)
    if len(words) < 2:
        return {}
    difference = words[:, 0] - words[:, 1]
    scale = max(1.0, float(np.sqrt(words.var(axis=0, ddof=1).mean())))
    half = float(student_t.ppf(0.975, len(words) - 1) * difference.std(ddof=1) / np.sqrt(len(words)))
    mean = float(difference.mean())
    return {
        "effect": round(mean / scale, 4),
        "ci95": [round((mean - half) / scale, 4), round((mean + half) / scale, 4)],
        "n": len(words),
        "mean_words": {"chosen": round(float(words[:, 0].mean()), 1), "rejected": round(float(words[:, 1].mean()), 1)},
        "chosen_is_longer": round(float((difference > 0).mean()), 4),
    }


def is_biased(bias: dict[str, Any], limit: float) -> bool:
    """Beyond the limit, and not by chance."""
    return bool(bias) and abs(bias["effect"]) > limit and bias["ci95"][0] * bias["ci95"][1] > 0
