"""The head's start: logistic regression on what the frozen layers say, before any of them is
trained.

Linear probing before fine-tuning keeps the features that a fresh head's first gradients would spoil
(Kumar et al., arXiv 2202.10054). With a few hundred examples it is most of what can be learned, has
one optimum, and costs one forward pass.

N = rows, H = features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
STRENGTHS = (0.001, 0.01, 0.1)
"""scikit-learn's C, among which cross-validation chooses; more weight on the data than 0.1 has
never won."""
FOLDS = 5


class Probe(NamedTuple):
    weight: Floats  # (H,) logit = features . weight + bias
    bias: float
    strength: float
    log_loss: float
    """Cross-validated, both labels weighing the same; 0.693 is chance."""


class Rows(NamedTuple):
    """What a regression is fitted on: a row with a chance between 0 and 1 counts on both sides."""

    features: Floats  # (N, H)
    harmful: NDArray[np.bool_]  # (N,)
    weights: Floats  # (N,)
    groups: NDArray[np.str_]

    def only(self, places: NDArray[np.intp]) -> Rows:
        """The rows at these places."""
        return Rows(
            self.features[places], self.harmful[places], self.weights[places], self.groups[places]
        )


def fit_probe(
    features: Floats,
    harms: Sequence[float],
    groups: Sequence[str],
    weights: Sequence[float] | None = None,
) -> Probe:
    """Logistic regression with both sides weighing the same; C is chosen by cross-validation over
    whole prompt groups.

    features: (N, H); harms: N chances. With fewer groups than two there is nothing to choose by,
    and the strongest regularisation is taken.
    """
    counted = np.ones(len(harms)) if weights is None else np.asarray(weights, dtype=float)
    return _fitted(
        _both_sides(features, np.asarray(harms, dtype=float), counted, groups), through_zero=False
    )


def fit_pair_probe(
    worse: Floats, better: Floats, groups: Sequence[str], weights: Sequence[float]
) -> Probe:
    """Of preferences: logistic regression of the difference of features, in both directions and
    without an intercept.
    """
    # Both ways, or there would be one class only.
    difference = np.concatenate([worse - better, better - worse])
    harmful = np.arange(len(difference)) < len(worse)
    both = np.asarray([*weights, *weights], dtype=float)
    return _fitted(
        Rows(difference, harmful, both, np.asarray([*groups, *groups])), through_zero=True
    )


def _both_sides(features: Floats, harms: Floats, weights: Floats, groups: Sequence[str]) -> Rows:
    names = np.asarray(groups)
    places = np.arange(len(harms))
    harmful, harmless = places[harms > 0], places[harms < 1]
    chosen = np.concatenate([harmful, harmless])
    is_harmful = np.arange(len(chosen)) < len(harmful)
    # scikit-learn takes no chances as labels: a row with chance p counts p times as harmful and 1 -
    # p times as harmless.
    counted = np.concatenate([(weights * harms)[harmful], (weights * (1 - harms))[harmless]])
    order = np.argsort(chosen, kind="stable")
    return Rows(features[chosen[order]], is_harmful[order], counted[order], names[chosen[order]])


def _fitted(rows: Rows, *, through_zero: bool) -> Probe:
    folds = min(FOLDS, len(set(rows.groups)))
    losses = {
        c: _held_out_loss(rows, c, folds, through_zero) if folds > 1 else float("nan")
        for c in STRENGTHS
    }
    # Of equal losses the strongest regularisation.
    best = min(STRENGTHS, key=lambda c: (losses[c], c)) if folds > 1 else STRENGTHS[0]
    scaler, regression = _regression(best, rows, through_zero)
    # Scale and mean go into weight and bias: the head reads features as the network gives them.
    weight = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0]) if not through_zero else 0.0
    centre = 0.0 if through_zero else float(weight @ scaler.mean_)
    return Probe(weight, bias - centre, best, losses[best])


def _regression(strength: float, rows: Rows, through_zero: bool) -> Pipeline:
    """Fitted; both sides weigh the same in sum."""
    # Of preferences the mean stays: a pair turned round must stay its own negative.
    scaler = StandardScaler(with_mean=not through_zero)
    model = LogisticRegression(C=strength, max_iter=2000, fit_intercept=not through_zero)
    made = make_pipeline(scaler, model)
    return made.fit(rows.features, rows.harmful, logisticregression__sample_weight=_even(rows))


def _even(rows: Rows) -> Floats:
    """(N,) weights whose sums over both sides are equal, and N in all."""
    sums = {side: rows.weights[rows.harmful == side].sum() for side in (True, False)}
    halves = np.where(rows.harmful, sums[True], sums[False])
    return np.asarray(rows.weights * len(rows.weights) / 2 / np.maximum(halves, 1e-12))


def _held_out_loss(rows: Rows, strength: float, folds: int, through_zero: bool) -> float:
    """inf where some fold's training rows hold one label only: such a fold fits nothing."""
    splits = list(GroupKFold(folds).split(rows.features, rows.harmful, rows.groups))
    if any(len(set(rows.harmful[train])) < 2 for train, _ in splits):
        return float("inf")
    chances = np.empty(len(rows.harmful))
    for train, held_out in splits:
        fitted = _regression(strength, rows.only(train), through_zero)
        chances[held_out] = expit(fitted.decision_function(rows.features[held_out]))
    return float(log_loss(rows.harmful, chances, sample_weight=_even(rows), labels=[False, True]))
