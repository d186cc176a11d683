"""What classifiers that cannot read make of pairs, type by type: a shortcut that is right on one
type and wrong on another cancels in the mean, and a policy that knows the type from the prompt has
it all the same.

Each pair is judged by a classifier that saw no pair of its prompt, its twin or a near duplicate:
five folds over all pairs.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from data_prep.pairs.probe_results import Json, accuracy, clusters_of, held_to, wins
from data_prep.wording import placed_opening, words
from records.rows import Pair, text_of

REMEDY = (
    "Set pairs.sides.cut_alike=all where ends or lengths tell, vary the safe completions' openings "
    "where the prefix does, or sample longer completions"
)
FOLDS = 5
LEAST_PAIRS = 10
"""A type with fewer has no classifier of its own."""
Side = tuple[str, bool, list[str]]
"""Text, whether it has an end token, and the words of its prompt."""
Features = Callable[[Side], dict[str, float]]


def _ending(side: Side) -> str:
    """Whether there is an end token, and whether the last character ends a sentence."""
    text, finished, _ = side
    return f"{'ends' if finished else 'cut'}/{'stop' if text.rstrip()[-1:] in '.!?' else 'open'}"


PROBES: dict[str, Features] = {
    "end_token": lambda side: {_ending(side): 1.0},
    "length": lambda side: {"words": len(words(side[0])) / 50},
    "prefix": lambda side: dict.fromkeys(_prefix(side[0]), 1.0),
    "prompt_words_and_end_token": lambda side: {f"{word}/{_ending(side)}": 1.0 for word in side[2]},
}
"""What each sees of a side."""
ACROSS_TYPES = ("prefix", "prompt_words_and_end_token")
"""Learnt from all types at once, harmful and benign prompts counting the same. Within a type the
first words are no shortcut: that a decline begins as one is what a pair is about. The prompt's
words find the type by themselves."""


def _prefix(text: str) -> list[str]:
    opening = placed_opening(text)
    return [*opening, " ".join(opening)]


def probe_pairs(pairs: Sequence[Pair], groups: Mapping[str, str]) -> Json:
    """{probe: {type: {accuracy, interval, n}}}; ties count one half.

    `groups`: one name for prompts that must not be in two folds.

    Where no side of any pair differs from the other in what a probe sees, it knows nothing: 0.5
    without a width.
    """
    found: Json = {}
    for name, features in PROBES.items():
        by_type: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        told = False
        for family in _families(pairs, name):
            margins = _margins(family, groups, features)
            told = told or any(margins)
            clusters = clusters_of(family, groups)
            for pair, win, cluster in zip(family, wins(margins), clusters, strict=True):
                by_type[pair.pair_type].append((win, cluster))
        found[name] = {}
        for kind, judged in sorted(by_type.items()):
            won, of = zip(*judged, strict=True)
            found[name][kind] = accuracy(won, of, told=told)
    return found


def _families(pairs: Sequence[Pair], probe: str) -> list[list[Pair]]:
    """The pairs that one classifier learns from and is tried on."""
    if probe in ACROSS_TYPES:
        return [list(pairs)] if len(pairs) >= LEAST_PAIRS else []
    kinds: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        kinds[pair.pair_type].append(pair)
    made: list[list[Pair]] = []
    for found in kinds.values():
        if len(found) >= LEAST_PAIRS:
            made.append(found)
    return made


def _margins(pairs: Sequence[Pair], groups: Mapping[str, str], features: Features) -> list[float]:
    """By how much each pair's chosen side is preferred, by a logistic regression on the differences
    of the other folds' sides.
    """
    # Costs seconds, and only this report needs it.
    from sklearn.feature_extraction import DictVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  as above

    sides = []
    for pair in pairs:
        sides.append(tuple(features(_side(pair, name)) for name in ("chosen", "rejected")))
    vectorizer = DictVectorizer()
    # Fitted on all sides, as it only names columns; what is learned comes from the other folds.
    vectorizer.fit([side for both in sides for side in both])
    chosen, rejected = (vectorizer.transform([both[place] for both in sides]) for place in (0, 1))
    # On differences: what both sides share, such as the prompt's words alone, cancels out.
    difference = chosen - rejected
    folds = [_fold(cluster) for cluster in clusters_of(pairs, groups)]
    margins = [0.0] * len(pairs)
    for fold in range(FOLDS):
        train = []
        for row, place in enumerate(folds):
            if place != fold:
                train.append(row)
        held = []
        for row, place in enumerate(folds):
            if place == fold:
                held.append(row)
        # Nothing to learn from leaves margins of 0, which count as ties.
        if not train or not held or not difference[train].nnz:
            continue
        # Each difference in both directions: a regression needs two classes, and no side may win by
        # its place.
        both = [difference[train], -difference[train]]
        from scipy.sparse import vstack  # noqa: PLC0415  as above

        weights = _weights([pairs[row] for row in train])
        model = LogisticRegression(max_iter=1000, fit_intercept=False)
        model.fit(vstack(both), [1] * len(train) + [0] * len(train), sample_weight=weights * 2)
        for row, margin in zip(held, model.decision_function(difference[held]), strict=True):
            # Rounded, so that the last bits of a solver do not break ties on another machine.
            margins[row] = round(float(margin), 9)
    return margins


def _weights(pairs: Sequence[Pair]) -> list[float]:
    """Harmful and benign prompts count the same, however many pairs each has."""
    counts = Counter(pair.kind for pair in pairs)
    return [len(pairs) / len(counts) / counts[pair.kind] for pair in pairs]


def _side(pair: Pair, name: str) -> Side:
    message, finished = (
        (pair.chosen, pair.chosen_finished)
        if name == "chosen"
        else (pair.rejected, pair.rejected_finished)
    )
    return text_of(message), finished, sorted(set(words(text_of(pair.prompt))))


def _fold(group: str) -> int:
    # From the group's name: adding pairs moves no other pair to another fold.
    return hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()[0] % FOLDS


def judge_probes(probes: Json, limit: float) -> list[str]:
    """What is not known, one a line. Raises RecordError where pairs of a type can be told apart."""
    named = {}
    for name, by_type in probes.items():
        for kind, found in by_type.items():
            named[f"{name} on {kind} pairs"] = found
    return held_to(limit, named, REMEDY)
