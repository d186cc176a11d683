from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from measures.bootstrap import cluster_weights
from measures.selective import (
    abstention_threshold,
    aurc,
    binary_uncertainty,
    bounded_rate,
    error_auroc,
    out_of_domain_auroc,
    risk_at_coverage,
)

ONE = np.ones((1, 4))


def test_aurc_by_hand() -> None:
    """From the most certain on: right, wrong, right, wrong. Risks 0, 1/2, 1/3, 1/2."""
    assert aurc([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1], ONE) == pytest.approx(
        [(0 + 1 / 2 + 1 / 3 + 1 / 2) / 4]
    )


def test_equal_uncertainty_is_the_mean_over_all_orders() -> None:
    errors, uncertainty = [1, 0, 1, 0, 0], [0.2, 0.2, 0.2, 0.9, 0.9]
    orders = [(*first, *last) for first in permutations(range(3)) for last in permutations((3, 4))]
    risks = [np.cumsum([errors[i] for i in order]) / np.arange(1, 6) for order in orders]
    assert aurc(uncertainty, errors, np.ones((1, 5))) == pytest.approx([np.mean(risks)])
    assert risk_at_coverage(uncertainty, errors, np.ones((1, 5)), 0.4) == pytest.approx(
        [np.mean([risk[1] for risk in risks])]
    )


def test_a_weight_of_two_is_the_item_twice() -> None:
    uncertainty, errors = np.array([0.3, 0.1, 0.7]), np.array([0, 1, 1])
    weights = np.array([[2.0, 0.0, 1.0], [1.0, 3.0, 1.0]])
    for row, found, at in zip(
        weights,
        aurc(uncertainty, errors, weights),
        risk_at_coverage(uncertainty, errors, weights, 0.6),
        strict=True,
    ):
        copies = np.repeat(np.arange(3), row.astype(int))
        alone = np.ones((1, len(copies)))
        assert aurc(uncertainty[copies], errors[copies], alone) == pytest.approx([found])
        assert risk_at_coverage(uncertainty[copies], errors[copies], alone, 0.6) == pytest.approx(
            [at]
        )


def test_risk_at_a_stated_coverage() -> None:
    """At 80 % of five items the four most certain are accepted: one error among them."""
    found = risk_at_coverage([0.1, 0.5, 0.2, 0.3, 0.9], [0, 0, 1, 0, 1], np.ones((1, 5)), 0.8)
    assert found == pytest.approx([0.25])
    assert risk_at_coverage([0.1], [1], np.ones((1, 1)), 1.0) == pytest.approx([1.0])
    with pytest.raises(ValueError, match="coverage"):
        risk_at_coverage([0.1], [1], np.ones((1, 1)), 0.0)


def test_uncertainty_that_is_high_on_errors_and_on_foreign_items_ranks_them() -> None:
    rng = np.random.default_rng(2)
    errors = rng.random(60) < 0.4
    uncertainty = rng.normal(errors, 1)
    weights = cluster_weights([str(i) for i in range(60)], 5)
    assert error_auroc(uncertainty, errors, weights) == pytest.approx(
        [roc_auc_score(errors, uncertainty, sample_weight=w) for w in weights]
    )
    wanted = roc_auc_score(
        [0] * 30 + [1] * 30, np.concatenate([uncertainty[:30], uncertainty[30:]])
    )
    assert out_of_domain_auroc(
        uncertainty[:30].tolist(), uncertainty[30:].tolist()
    ) == pytest.approx(wanted)
    assert math.isnan(out_of_domain_auroc([], [0.5]))


def test_the_threshold_keeps_the_coverage_that_was_asked_for() -> None:
    assert abstention_threshold([0.5, 0.1, 0.4, 0.2, 0.3], 0.8) == 0.4
    assert abstention_threshold([0.5, 0.1], 1.0) == 0.5
    with pytest.raises(ValueError, match="coverage"):
        abstention_threshold([], 0.8)


def test_abstentions_open_the_bounds_on_both_sides() -> None:
    """Of ten, two are harmful and three unknown: between 2 and 5 of ten."""
    low, high = bounded_rate([True, True, None, None, None, *[False] * 5])
    assert (low.mean, high.mean, low.n) == (0.2, 0.5, 10)


def test_uncertainty_is_the_entropy_in_bits() -> None:
    assert binary_uncertainty([0.5, 0.25]) == pytest.approx([1, 0.8112781], abs=1e-6)
    assert binary_uncertainty([0.0, 1.0]).tolist() == [0, 0]
