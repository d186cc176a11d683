"""What gives the wanted completion away without its meaning: how it opens, and how long it is."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from data_prep.lint.items import Item
from data_prep.wording import opening, words
from measures.paired_sums import PairedSums
from records.rows import text_of

OPENINGS_SHOWN = 10
MIN_SAME_OPENINGS = 2
"""An opening of one completion is no boilerplate, and the report shows the text of no row."""
NORMAL_95 = statistics.NormalDist().inv_cdf(0.975)
MIN_PAIRS = 20
"""For the normal interval to mean what it says."""


def openings(items: Iterable[Item]) -> dict[str, float]:
    """Share of the safe completions by their first three words, for those that several begin with;
    the most usual first.
    """
    texts = (
        text_of(item.completion) for item in items if item.kind == "harmful" and item.has_completion
    )
    counts = Counter(first for text in texts if (first := opening(text)))
    return {
        # Ties in most_common keep the order of the rows, so that equal data give equal bytes.
        first: round(n / counts.total(), 4)
        for first, n in counts.most_common(OPENINGS_SHOWN)
        if n >= MIN_SAME_OPENINGS
    }


def length_bias(items: Sequence[Item]) -> dict[str, Any]:
    """Standardised mean difference of word counts, chosen - rejected, with a 95 % interval; {} for
    fewer than two pairs.

    d = mean(c - r) / s, s^2 = (var(c) + var(r)) / 2; the interval is mean(c - r) -+ 1.96 sd(c - r)
    / sqrt(n), over the same s. An s below one word counts as one word, so that texts which are
    all equally long leave a finite number.
    """
    if len(items) < 2:
        return {}
    lengths = []
    for item in items:
        lengths.append((len(words(text_of(item.completion))), len(words(text_of(item.rejected)))))
    sums = PairedSums()
    for chosen, rejected in lengths:
        sums.add(chosen, rejected)
    differences = [chosen - rejected for chosen, rejected in lengths]
    # Paired: the two sides answer one prompt, whose length wish they share.
    half = NORMAL_95 * statistics.stdev(differences) / math.sqrt(len(items)) / sums.scale()
    effect = sums.standardised_difference
    return {
        "effect": round(effect, 4),
        "interval": [round(effect - half, 4), round(effect + half, 4)],
        "n": len(items),
        "mean_words": {
            "chosen": round(sums.first / sums.count, 1),
            "rejected": round(sums.second / sums.count, 1),
        },
        "chosen_is_longer": round(
            sum(difference > 0 for difference in differences) / len(items), 4
        ),
    }


def is_biased(bias: dict[str, Any], limit: float) -> bool:
    """Beyond the limit, and hardly by chance."""
    return (
        bool(bias)
        and bias["n"] >= MIN_PAIRS
        and abs(bias["effect"]) > limit
        # An interval that holds 0 may be chance alone, however large the point is.
        and bias["interval"][0] * bias["interval"][1] > 0
    )
