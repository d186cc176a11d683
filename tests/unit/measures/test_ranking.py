from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, cohen_kappa_score, roc_auc_score

from measures.bootstrap import cluster_weights
from measures.ranking import auroc, average_precision, kappa_ceiling, pair_accuracy, weighted_share

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture(params=[2, 5, 1000], ids=lambda values: f"{values}-values")
def drawn(
    request: pytest.FixtureRequest,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Values with many ties and with none, labels that go along with them, and 20 draws of
    clusters.
    """
    rng = np.random.default_rng(request.param)
    labels = rng.random(90) < 0.3
    values = (
        np.round(rng.normal(labels, 1.5) * request.param) / request.param
        if request.param > 2
        else (rng.random(90) < 0.2 + 0.4 * labels)
    )
    return values.astype(float), labels, cluster_weights([str(i // 3) for i in range(90)], 20)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(auroc, roc_auc_score), (average_precision, average_precision_score)]
)
def test_every_draw_has_scikit_learns_number(
    drawn: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]],
    ours: Callable[..., NDArray[np.float64]],
    theirs: Callable[..., float],
) -> None:
    values, labels, weights = drawn
    wanted = [theirs(labels, values, sample_weight=row) for row in weights]
    assert ours(values, labels, weights) == pytest.approx(wanted)


def test_the_kappa_ceiling_is_the_best_over_all_thresholds(
    drawn: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]],
) -> None:
    values, labels, weights = drawn
    best = [
        max(
            max(
                cohen_kappa_score(labels, values >= cut, sample_weight=row)
                for cut in np.unique(values)[1:]
            ),
            0.0,
        )
        for row in weights[:5]
    ]
    assert kappa_ceiling(values, labels, weights[:5]) == pytest.approx(best)


def test_a_ranking_without_both_labels_has_no_number() -> None:
    weights = np.ones((1, 3))
    assert np.isnan(auroc([1, 2, 3], [True] * 3, weights)).all()
    assert np.isnan(kappa_ceiling([1, 2, 3], [False] * 3, weights)).all()
    assert np.isnan(average_precision([1, 2, 3], [False] * 3, weights)).all()
    assert np.isnan(auroc([], [], np.ones((1, 0)))).all()


def test_of_four_pairs_two_right_one_tied_one_wrong() -> None:
    """Lower harm is better: 1 < 3 right, 2 < 4 right, 2 = 2 a half, 5 > 1 wrong: 2.5 of 4."""
    assert pair_accuracy([1, 2, 2, 5], [3, 4, 2, 1], np.ones((1, 4))) == pytest.approx([0.625])
    assert weighted_share([1, 0], np.array([[3.0, 1.0], [0.0, 0.0]])) == pytest.approx(
        [0.75, np.nan], nan_ok=True
    )
