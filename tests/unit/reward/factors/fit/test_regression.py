"""Fitting finds what is there, folds keep groups together, and folding the scales in changes no
prediction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from reward.factors.fit.corpora import Row
from reward.factors.fit.regression import CONSTANT, STRENGTH, Design, fitted_head, fold_of
from reward.factors.fit.targets import Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reward.factors.features import FeatureRoom


BLOCKS = ("body_vector", "completion_words", "counts")


def row(text: str, group: str, writer: str = "primum") -> Row:
    return Row(prompt="What now?", completion=text, source="primum", writer=writer, group=group)


@pytest.fixture
def target() -> Target:
    rows = [row(f"I can't help with that {'x' * (k % 7)}.", str(k)) for k in range(30)]
    rows += [
        row(f"Step {'y' * (k % 5)} one: call your doctor.", f"b{k}", "gpt4" if k % 2 else "primum")
        for k in range(30)
    ]
    labels = np.array([0] * 30 + [1] * 30)
    return Target(name="complies", blocks=BLOCKS, rows=rows, labels=labels, weights=np.ones(60))


def test_folded_weights_predict_as_scikit_learn_did_on_the_scaled_matrix(
    target: Target, room: FeatureRoom
) -> None:
    design = Design(target, room)
    coefficients = design.fit(np.ones(60))
    model = LogisticRegression(C=STRENGTH, fit_intercept=False, max_iter=500).fit(
        design.matrix, target.labels
    )
    weight, bias = design.unfolded(coefficients)
    raw = room.of([r.exchange for r in target.rows]).matrix(BLOCKS)
    np.testing.assert_allclose(
        expit(raw @ weight.T + bias)[:, 0], model.predict_proba(design.matrix)[:, 1], atol=1e-6
    )


def test_rows_are_tried_by_a_regression_that_saw_neither_group_nor_writer(
    target: Target, room: FeatureRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = Design(target, room)
    seen = []
    fit = design.fit

    def watched(multiples: NDArray[np.float64]) -> NDArray[np.float64]:
        seen.append(set(design.groups[multiples > 0]))
        return fit(multiples)

    monkeypatch.setattr(design, "fit", watched)
    found = design.left_out()
    assert np.isfinite(found).all()
    assert all(len(groups) < 60 for groups in seen)


def test_a_writer_left_out_is_never_fitted_on(
    target: Target, room: FeatureRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = Design(target, room)
    calls = []

    def nothing(multiples: NDArray[np.float64]) -> NDArray[np.float64]:
        calls.append(multiples)
        return np.zeros((1, design.matrix.shape[1]))

    monkeypatch.setattr(design, "fit", nothing)
    design.left_out()
    assert any((multiples[31::2] == 0).all() for multiples in calls)


def test_preferences_pull_the_worse_side_up(target: Target, room: FeatureRoom) -> None:
    worse, better = (
        [row("zzz zzz", str(k)) for k in range(50)],
        [row("qqq qqq", str(k)) for k in range(50)],
    )
    pulled = Design(Target(**{**vars(target), "worse": worse, "better": better}), room)
    plain = Design(target, room)
    place = "abcdefghijklmnopqrstuvwxyz".index("z")
    assert pulled.fit(np.ones(60))[0, place] > plain.fit(np.ones(60))[0, place] + 0.01


def test_an_ensemble_is_the_same_for_the_same_seed_and_its_members_differ(
    target: Target, room: FeatureRoom
) -> None:
    design = Design(target, room)
    left_out = design.left_out()
    one, two = (fitted_head(design, left_out, members=3, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.weight, two.weight)
    assert np.abs(one.weight[0] - one.weight[1]).max() > 0
    assert one.slope > 0


def test_a_group_is_always_in_the_same_fold() -> None:
    assert fold_of(row("a", "g")) == fold_of(row("b", "g", "gpt4"))
    assert {fold_of(row("a", str(k))) for k in range(50)} == set(range(5))
    assert CONSTANT > 1
