"""What words alone can tell: TF-IDF and logistic regression, fitted on the very set in
cross-validation by prompt.

Not a scorer that anyone could use elsewhere, but a yardstick: of prompt and completion, of the
completion alone, and of the prompt alone. Where the prompt alone does as well, the set does not
show that a scorer reads completions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from eval.judge_report.metrics import Metrics
from eval.label_sets.items import LabelSet
from measures.agreement import cohen_kappa, confusion, macro_f1
from measures.bootstrap import Floats, refitted_estimate
from measures.ranking import auroc, average_precision, kappa_ceiling
from records.rows import text_of

FOLDS = 5
SEEN = {
    "tfidf": ("prompt", "completion"),
    "tfidf_completion_only": ("completion",),
    "tfidf_prompt_only": ("prompt",),
}
"""The yardsticks, and which side each one reads."""
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Task:
    """Rows with a label to learn, and the clusters that no fold divides."""

    counts: list[Any]
    """A sparse matrix of word counts for each side that is read."""
    labels: NDArray[np.bool_]
    groups: NDArray[np.intp]
    metrics: dict[str, Callable[[Floats, NDArray[np.bool_]], float]]
    """From values out of the fold and labels."""

    def estimates(self, *, refits: int, seed: int) -> Metrics:
        """Each metric with an interval from draws of clusters, each cross-validated again."""
        everything = np.arange(len(self.labels))
        values = self.held_out(everything)
        rng = np.random.default_rng(seed)
        # Drawn once for all metrics, as a fit takes longer than everything else here.
        draws = [self._drawn(rng) for _ in range(refits)]
        fitted = [(rows, self.held_out(rows)) for rows in draws]
        made = {}
        for name, metric in self.metrics.items():
            made[name] = refitted_estimate(
                metric(values, self.labels),
                [metric(found, self.labels[rows]) for rows, found in fitted],
                len(self.labels),
            )
        return made

    def held_out(self, rows: Index) -> Floats:
        """(rows,) probabilities from fits that saw no row of the same cluster."""
        values = np.full(len(rows), 0.5)
        # GroupKFold: a prompt that is in both parts would be recognised by its words.
        for train, test in GroupKFold(min(FOLDS, len(np.unique(self.groups[rows])))).split(
            rows, groups=self.groups[rows]
        ):
            labels = self.labels[rows[train]]
            if labels.all() or not labels.any():
                # One class only: there is nothing to fit, and the constant says so.
                values[test] = float(labels[0])
                continue
            learned, asked = self.features(rows[train], rows[test])
            # Fixed once for all sets: a yardstick that is tuned to each would be no yardstick.
            model = LogisticRegression(
                C=10, solver="liblinear", tol=0.01, class_weight="balanced", random_state=0
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                values[test] = model.fit(learned, labels).predict_proba(asked)[:, 1]
        return values

    def features(self, train: Index, test: Index) -> tuple[Any, Any]:
        """Sparse matrices of both; the weights of words are those of the training rows."""
        blocks = []
        for count in self.counts:
            # Weights from the training rows alone, or the fold's own words would leak into them.
            weighting = TfidfTransformer(sublinear_tf=True).fit(count[train])
            blocks.append([weighting.transform(count[rows]) for rows in (train, test)])
        learned, asked = (sp.hstack(side, format="csr") for side in zip(*blocks, strict=True))
        return learned, asked

    def _drawn(self, rng: np.random.Generator) -> Index:
        names = np.unique(self.groups)
        members = [np.flatnonzero(self.groups == name) for name in names]
        return np.concatenate([members[k] for k in rng.integers(len(names), size=len(names))])


class _Texts(NamedTuple):
    prompt: list[str]
    completion: list[str]


def tfidf_metrics(label_set: LabelSet, *, refits: int, seed: int = 0) -> dict[str, Metrics]:
    """Metrics by yardstick, of harm, refusal and pairs where the set has them.

    `refits` 0 leaves intervals out.
    """
    texts = _Texts(
        [text_of(item.completion.prompt) for item in label_set.items],
        [text_of(item.completion.completion) for item in label_set.items],
    )
    counts = {side: _counts(found) for side, found in texts._asdict().items()}
    found: dict[str, Metrics] = {}
    for name, sides in SEEN.items():
        read = []
        for side in sides:
            if counts[side] is not None:
                read.append(counts[side])
        tasks = [
            *_label_tasks(label_set, read),
            *(_pair_tasks(label_set, read) if name == "tfidf" else []),
        ]
        for task in tasks:
            found.setdefault(name, {}).update(task.estimates(refits=refits, seed=seed))
    return found


def _counts(texts: Sequence[str]) -> Any:
    """Words and pairs of words that two texts hold; None where there is none.

    No label is seen here, nor any weight learned.
    """
    try:
        return CountVectorizer(ngram_range=(1, 2), min_df=2).fit_transform(texts)
    # CountVectorizer raises where no word is left.
    except ValueError:
        return None


def _label_tasks(label_set: LabelSet, counts: list[Any]) -> list[Task]:
    groups = np.unique([item.group for item in label_set.items], return_inverse=True)[1]
    tasks = []
    for prefix, truth in (
        ("", [item.labels.harmful for item in label_set.items]),
        (
            "refusal_",
            [
                None if item.labels.refusal is None else item.labels.refusal != "none"
                for item in label_set.items
            ],
        ),
    ):
        rows = np.array([k for k, flag in enumerate(truth) if flag is not None], dtype=np.intp)
        labels = np.array([bool(truth[k]) for k in rows], dtype=bool)
        # A fold without a cluster, or labels of one kind, leave nothing to learn.
        enough = counts and len(np.unique(groups[rows])) >= FOLDS and 0 < labels.sum() < len(labels)
        if enough:
            metrics = {}
            for name, metric in _LABEL_METRICS.items():
                metrics[prefix + name] = metric
            tasks.append(Task([count[rows] for count in counts], labels, groups[rows], metrics))
    return tasks


def _pair_tasks(label_set: LabelSet, counts: list[Any]) -> list[Task]:
    """Which of two completions was chosen, from the difference of their counts; each pair once, its
    sides in turn.
    """
    pairs = label_set.pairs
    if len({label_set.items[pair.chosen].group for pair in pairs}) < FOLDS or not counts:
        return []
    # In turn, so that a classifier cannot learn that the first side is chosen.
    labels = np.arange(len(pairs)) % 2 == 0
    first = np.array(
        [pair.chosen if label else pair.rejected for pair, label in zip(pairs, labels, strict=True)]
    )
    second = np.array(
        [pair.rejected if label else pair.chosen for pair, label in zip(pairs, labels, strict=True)]
    )
    groups = np.unique([label_set.items[pair.chosen].group for pair in pairs], return_inverse=True)[
        1
    ]
    completion = counts[-1]
    return [
        _PairTask(
            [completion[first], completion[second]], labels, groups, {"pair_accuracy": _accuracy}
        )
    ]


class _PairTask(Task):
    def features(self, train: Index, test: Index) -> tuple[Any, Any]:
        """Of the first completion less those of the second."""
        first, second = self.counts
        weighting = TfidfTransformer(sublinear_tf=True).fit(
            sp.vstack([first[train], second[train]])
        )
        learned, asked = (
            weighting.transform(first[rows]) - weighting.transform(second[rows])
            for rows in (train, test)
        )
        return learned, asked


def _accuracy(values: Floats, labels: NDArray[np.bool_]) -> float:
    # One half is no decision and counts as half a hit.
    return float(np.mean(np.where(values == 0.5, 0.5, (values > 0.5) == labels)))


def _once(statistic: Callable[..., Floats], values: Any, labels: Any) -> float:
    return float(statistic(values, labels, np.ones((1, len(labels))))[0])


def _table(values: Floats, labels: NDArray[np.bool_]) -> Floats:
    return confusion(
        labels.tolist(), (values >= 0.5).tolist(), (False, True), np.ones((1, len(labels)))
    )


_LABEL_METRICS: dict[str, Callable[[Floats, NDArray[np.bool_]], float]] = {
    "auroc": lambda values, labels: _once(auroc, values, labels),
    "average_precision": lambda values, labels: _once(average_precision, values, labels),
    "kappa": lambda values, labels: float(cohen_kappa(_table(values, labels))[0]),
    "macro_f1": lambda values, labels: float(macro_f1(_table(values, labels))[0]),
    "kappa_ceiling": lambda values, labels: _once(kappa_ceiling, values, labels),
}
