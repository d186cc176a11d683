from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import cohen_kappa_score, f1_score

from measures.agreement import cohen_kappa, confusion, correlation, macro_f1
from measures.bootstrap import cluster_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture
def labelled() -> tuple[list[int], list[int], NDArray[np.float64]]:
    rng = np.random.default_rng(5)
    truth = rng.integers(1, 6, size=80)
    called = np.clip(truth + rng.integers(-1, 2, size=80), 1, 5)
    return truth.tolist(), called.tolist(), cluster_weights([str(i // 2) for i in range(80)], 15)


def test_every_draw_has_scikit_learns_kappa_and_f1(
    labelled: tuple[list[int], list[int], NDArray[np.float64]],
) -> None:
    truth, called, weights = labelled
    table = confusion(truth, called, range(1, 6), weights)
    for quadratic, name in ((False, None), (True, "quadratic")):
        wanted = [
            cohen_kappa_score(truth, called, weights=name, sample_weight=row) for row in weights
        ]
        assert cohen_kappa(table, quadratic=quadratic) == pytest.approx(wanted)
    assert macro_f1(table) == pytest.approx(
        [f1_score(truth, called, average="macro", sample_weight=row) for row in weights]
    )


def test_a_class_that_nobody_names_does_not_lower_the_macro_f1() -> None:
    table = confusion(["a", "a", "b"], ["a", "b", "b"], ["a", "b", "never"], np.ones((1, 3)))
    assert macro_f1(table) == pytest.approx([2 / 3])


def test_kappa_by_hand() -> None:
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: agreement 0.7, by chance 0.5, kappa 0.4."""
    truth = ["y"] * 25 + ["n"] * 25
    called = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen_kappa(confusion(truth, called, ["y", "n"], np.ones((1, 50)))) == pytest.approx(
        [0.4]
    )


def test_one_class_alone_has_no_kappa() -> None:
    assert np.isnan(cohen_kappa(confusion(["n"] * 4, ["n"] * 4, ["y", "n"], np.ones((1, 4))))).all()


def test_correlation_of_ranks_is_spearmans(
    labelled: tuple[list[int], list[int], NDArray[np.float64]],
) -> None:
    truth, called, _ = labelled
    found = correlation(rankdata(truth), rankdata(called), np.ones((1, 80)))
    assert found == pytest.approx([spearmanr(truth, called).statistic])
    assert np.isnan(correlation([1, 1], [1, 2], np.ones((1, 2)))).all()
