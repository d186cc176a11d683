"""What a classifier that cannot read learns from preference pairs: from lengths alone, from the
first three words alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from data_prep.pairs.config import PairsConfig
from data_prep.pairs.probe_results import accuracy, clusters_of, held_to, wins
from data_prep.wording import OPENING_WORDS, placed_opening, words
from records.rows import Pair, text_of

REMEDY = (
    "Raise pairs.over_refusal or pairs.refuse_then_comply, or vary the safe completions' openings"
)


def shortcut_accuracies(
    train: list[Pair], held_out: list[Pair], groups: Mapping[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """Pairwise accuracy on held-out pairs, with its interval; ties count one half.

    0.5 is what pairs without a shortcut give. `groups`: one name for prompts that are twins.
    """
    if not train or not held_out:
        return {}
    return {
        "length_only": _length_only(train, held_out, groups or {}),
        "prefix_only": _prefix_only(train, held_out, groups or {}),
    }


def _length_only(
    train: list[Pair], held_out: list[Pair], groups: Mapping[str, str]
) -> dict[str, Any]:
    """Prefers the longer (or the shorter) side, whichever was right more often in training."""
    difference = []
    for p in train:
        difference.append(len(words(text_of(p.chosen))) - len(words(text_of(p.rejected))))
    # One sign and no threshold: it is the simplest rule that can win by length at all.
    sign = 1 if np.sign(difference).sum() >= 0 else -1
    return _accuracy(held_out, groups, lambda text: sign * len(words(text)))


def _prefix_only(
    train: list[Pair], held_out: list[Pair], groups: Mapping[str, str]
) -> dict[str, Any]:
    """Logistic regression on the first three words, as a sequence and one by one."""
    # Costs seconds, and only this report needs it.
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  as above

    texts = []
    for p in train:
        for side in (p.chosen, p.rejected):
            texts.append(_opening(text_of(side)))
    # `[^ ]+`, as the default pattern drops words of one letter, "I" first of all.
    vectorizer = CountVectorizer(
        ngram_range=(1, OPENING_WORDS), token_pattern=r"[^ ]+", lowercase=False
    )
    features = vectorizer.fit_transform(texts)
    model = LogisticRegression(max_iter=1000).fit(features, [True, False] * len(train))
    return _accuracy(
        held_out,
        groups,
        lambda text: float(model.decision_function(vectorizer.transform([_opening(text)]))[0]),
    )


def _opening(text: str) -> str:
    return " ".join(placed_opening(text)) or "empty"


def _accuracy(
    pairs: list[Pair], groups: Mapping[str, str], value: Callable[[str], float]
) -> dict[str, Any]:
    """By type as well: 1.0 on one type and 0.0 on another is a shortcut that the mean hides."""
    won = wins(value(text_of(p.chosen)) - value(text_of(p.rejected)) for p in pairs)
    by_type: dict[str, list[float]] = {}
    for pair, win in zip(pairs, won, strict=True):
        by_type.setdefault(pair.pair_type, []).append(win)
    return {
        **accuracy(won, clusters_of(pairs, groups)),
        "by_type": {
            name: {"accuracy": round(sum(found) / len(found), 4), "n": len(found)}
            for name, found in sorted(by_type.items())
        },
    }


def judge_shortcuts(probes: dict[str, dict[str, Any]], config: PairsConfig) -> list[str]:
    """What is not known, one a line. Raises RecordError where pairs can be told apart."""
    return held_to(config.shortcut_fail, probes, REMEDY)
