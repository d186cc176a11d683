"""Fitting a head: logistic regression over scaled blocks, an ensemble over redrawn groups,
calibration on rows left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from reward.factors.features import FeatureRoom
from reward.factors.fit.corpora import XSTEST_WRITERS, Row
from reward.factors.fit.targets import PAIR_WEIGHT, Target
from reward.factors.heads import Head

Floats = NDArray[np.float64]
FOLDS = 5
STRENGTH = 0.1
"""scikit-learn's C. 0.5 does as well; not tuned further."""
SCALES = {
    "prompt_vector": 6.0,
    "opening_vector": 6.0,
    "body_vector": 6.0,
    "completion_words": 4.0,
    "prompt_words": 4.0,
}
COUNT_SCALE = 0.4
"""Of standardised counts. These put the blocks on a par: an embedding's 384 numbers are about 0.05
each."""
CONSTANT = 10.0
"""The column that stands for the intercept; so large that regularisation hardly touches it."""
MAX_ITER = 500


class Design:
    """A target's matrices, computed once, fitted often."""

    def __init__(self, target: Target, room: FeatureRoom) -> None:
        self.target = target
        self.groups = np.array([row.group for row in target.rows])
        self.writers = np.array([row.writer for row in target.rows])
        self.folds = np.array([fold_of(row) for row in target.rows])
        raw = self._raw(target.rows, room)
        self.scale, self.centre = self._scales(room, raw)
        self.matrix = self._scaled(raw)
        self.preferences = self._preferences(room)
        self.pair_groups = np.array([row.group for row in target.better])

    def _raw(self, rows: Sequence[Row], room: FeatureRoom) -> sparse.csr_matrix:
        return room.of([row.exchange for row in rows]).matrix(self.target.blocks)

    def _scales(self, room: FeatureRoom, raw: sparse.csr_matrix) -> tuple[Floats, Floats]:
        """(D,) factor and centre of each column: fixed for vectors and words, standardised for
        counts.
        """
        features = room.of([self.target.rows[0].exchange])
        scale, centre, start = np.ones(raw.shape[1]), np.zeros(raw.shape[1]), 0
        for name in self.target.blocks:
            columns = slice(start, start + features.block(name).shape[1])
            start = columns.stop
            if name in SCALES:
                scale[columns] = SCALES[name]
                continue
            dense = raw[:, columns].toarray()
            spread = dense.std(axis=0)
            scale[columns], centre[columns] = (
                # A cue that no row has does not vary.
                COUNT_SCALE / np.where(spread > 0, spread, 1.0),
                dense.mean(axis=0),
            )
        return scale, centre

    def _scaled(self, raw: sparse.csr_matrix) -> sparse.csr_matrix:
        """(N, D + 1): scaled and centred columns, then the constant."""
        scaled = raw @ sparse.diags(self.scale)
        # Centring fills a column with numbers: only those of counts, which are few, become dense.
        moved = np.flatnonzero(self.centre)
        if len(moved):
            part = sparse.csr_matrix(scaled[:, moved].toarray() - (self.centre * self.scale)[moved])
            kept = np.setdiff1d(np.arange(raw.shape[1]), moved)
            order = np.argsort(np.concatenate([kept, moved]))
            scaled = sparse.hstack([scaled[:, kept], part], format="csr")[:, order]
        return sparse.hstack([scaled, np.full((raw.shape[0], 1), CONSTANT)], format="csr")

    def _preferences(self, room: FeatureRoom) -> sparse.csr_matrix | None:
        """(P, D + 1) worse less better; the constant falls out."""
        if not self.target.better:
            return None
        return self._scaled(self._raw(self.target.worse, room)) - self._scaled(
            self._raw(self.target.better, room)
        )

    def fit(self, multiples: Floats, pair_multiples: Floats | None = None) -> Floats:
        """(C, D + 1) coefficients of one regression; `multiples` (N,) say how often each row
        counts.
        """
        used = np.flatnonzero(multiples > 0)
        matrix, labels = self.matrix[used], self.target.labels[used]
        weights = (self.target.weights * multiples)[used]
        if self.preferences is not None:
            counted = (
                np.ones(self.preferences.shape[0]) if pair_multiples is None else pair_multiples
            )
            pairs = np.flatnonzero(counted > 0)
            # A preference stands both ways with half its weight: a regression needs both classes,
            # and so that it favours neither.
            matrix = sparse.vstack(
                [matrix, self.preferences[pairs], -self.preferences[pairs]], format="csr"
            )
            labels = np.concatenate(
                [labels, np.ones(len(pairs), np.intp), np.zeros(len(pairs), np.intp)]
            )
            weights = np.concatenate([weights, *[PAIR_WEIGHT * counted[pairs] / 2] * 2])
        # No intercept of scikit-learn's, which preferences would count in; the constant column,
        # which falls out of their differences, stands for it.
        model = LogisticRegression(C=STRENGTH, fit_intercept=False, max_iter=MAX_ITER)
        return np.asarray(model.fit(matrix, labels, sample_weight=weights).coef_)

    def unfolded(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """((C, D) weights of raw features, (C,) biases)"""
        # Scale and centre go into weights and bias, so that a head reads blocks as they come.
        weight = coefficients[:, :-1] * self.scale
        return weight, coefficients[:, -1] * CONSTANT - weight @ self.centre

    def left_out(self) -> Floats:
        """(N, C) logits of every row by a regression that saw neither its group nor, among XSTest's
        writers, its writer.
        """
        found = np.full((len(self.groups), max(1, len(self.target.classes))), np.nan)
        for writer in ("", *XSTEST_WRITERS):
            for fold in range(FOLDS):
                tried = (self.folds == fold) & (
                    self.writers == writer if writer else ~np.isin(self.writers, XSTEST_WRITERS)
                )
                if tried.any():
                    # On XSTest the writer is left out as well, as completions of a new policy have
                    # a new writer.
                    kept = (self.folds != fold) & (self.writers != writer)
                    found[tried] = self.matrix[tried] @ self.fit(kept.astype(np.float64)).T
        return found


def fold_of(row: Row) -> int:
    """The fold that leaves a row out: all rows of a group share it."""
    # By the text: the same fold in every target and on every machine.
    return zlib.crc32(row.group.encode()) % FOLDS


def fitted_head(design: Design, left_out: Floats, *, members: int, seed: int) -> Head:
    """An ensemble over groups drawn again, with Platt's line through the rows left out."""
    target = design.target
    rng = np.random.default_rng([seed, zlib.crc32(target.name.encode())])
    fitted = []
    for _ in range(members):
        fitted.append(design.unfolded(design.fit(*_redrawn(design, rng))))
    slope, intercept = calibration(left_out, target)
    return Head(
        name=target.name,
        blocks=target.blocks,
        classes=target.classes,
        weight=np.stack([weight for weight, _ in fitted]).astype(np.float32),
        bias=np.stack([bias for _, bias in fitted]).astype(np.float32),
        slope=slope,
        intercept=intercept,
    )


def _redrawn(design: Design, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """How often each row and each preference counts where groups are drawn with replacement."""
    found = []
    for groups in (design.groups, design.pair_groups):
        # Whole groups are drawn: members of the ensemble differ by prompts and not by single
        # completions.
        names, places = np.unique(groups, return_inverse=True)
        drawn = np.bincount(rng.integers(0, max(1, len(names)), len(names)), minlength=len(names))
        found.append(drawn[places].astype(np.float64))
    return found[0], found[1]


def calibration(logits: Floats, target: Target) -> tuple[float, float]:
    """(slope, intercept) of Platt's line; of several classes the inverse temperature and 0.

    Readings count for half of the line where there are any: they are completions of the policies
    that the heads are used on, and most other rows are easier than those.
    """
    weights = calibration_weights(target)
    if target.classes:
        return _inverse_temperature(logits, target.labels, weights), 0.0
    line = LogisticRegression(C=1e6).fit(logits, target.labels, sample_weight=weights)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def calibration_weights(target: Target) -> Floats:
    """(N,): the target's weights, with those of readings raised until they make half of the sum."""
    read = np.array([row.source == "readings" for row in target.rows])
    weights = target.weights.copy()
    if read.any():
        weights[read] *= weights[~read].sum() / weights[read].sum()
    return weights


def _inverse_temperature(logits: Floats, labels: NDArray[np.intp], weights: Floats) -> float:
    places = np.arange(len(labels))

    def loss(log_slope: float) -> float:
        # The logarithm is what is searched: a slope below 0 would turn the classes round.
        chances = log_softmax(np.exp(log_slope) * logits, axis=1)[places, labels]
        return float(-np.average(chances, weights=weights))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))
