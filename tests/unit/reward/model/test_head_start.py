"""Probes of soft labels and of preferences, and the thresholds that an ordinal head starts from."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from reward.model.head_start import fitted_spread
from reward.model.objectives import thresholds_of
from reward.model.probe import fit_pair_probe, fit_probe

RNG = np.random.default_rng(5)
FEATURES = RNG.normal(size=(120, 6))
GROUPS = [f"g{k // 3}" for k in range(120)]


def test_a_chance_of_one_half_is_a_row_on_both_sides() -> None:
    hard = (FEATURES[:, 0] > 0).astype(float)
    soft = np.where(np.arange(120) < 40, 0.5, hard)
    doubled = np.concatenate([FEATURES[:40], FEATURES[:40], FEATURES[40:]])
    labels = np.concatenate([np.ones(40), np.zeros(40), hard[40:]])
    weights = np.concatenate([np.full(80, 0.5), np.ones(80)])
    found = fit_probe(FEATURES, soft.tolist(), GROUPS)
    again = fit_probe(
        doubled, labels.tolist(), [*GROUPS[:40], *GROUPS[:40], *GROUPS[40:]], weights.tolist()
    )
    assert found.strength == again.strength
    np.testing.assert_allclose(found.weight, again.weight, rtol=1e-3, atol=1e-5)


def test_a_weight_of_two_is_the_row_twice() -> None:
    hard = (FEATURES[:, 0] + 0.5 * RNG.normal(size=120) > 0).astype(float)
    twice = fit_probe(FEATURES, hard.tolist(), GROUPS, [2.0] * 120)
    once = fit_probe(FEATURES, hard.tolist(), GROUPS)
    np.testing.assert_allclose(twice.weight, once.weight, rtol=1e-6)


def test_a_probe_of_preferences_passes_through_zero_and_ranks_as_told() -> None:
    worse, better = FEATURES[:60], FEATURES[60:]
    direction = np.array([2.0, -1.0, 0.0, 0.0, 0.0, 0.0])
    swapped = ((worse - better) @ direction < 0)[:, None]
    worse, better = np.where(swapped, better, worse), np.where(swapped, worse, better)
    found = fit_pair_probe(worse, better, GROUPS[:60], [1.0] * 60)
    assert found.bias == 0
    assert ((worse - better) @ found.weight > 0).mean() > 0.9
    difference = np.concatenate([worse - better, better - worse])
    oracle = LogisticRegression(C=found.strength, fit_intercept=False).fit(
        difference / difference.std(0), np.arange(120) < 60
    )
    np.testing.assert_allclose(
        found.weight * difference.std(0), oracle.coef_[0], rtol=1e-3, atol=1e-5
    )


def test_thresholds_without_a_logit_are_the_shares_of_the_levels() -> None:
    harms = [0.0] * 50 + [0.25] * 20 + [0.5] * 15 + [0.75] * 10 + [1.0] * 5
    found = thresholds_of(fitted_spread(np.zeros(100), harms)).numpy()
    wanted = [np.log(share / (1 - share)) for share in (0.5, 0.7, 0.85, 0.95)]
    assert found == pytest.approx(wanted, abs=0.03)


def test_a_level_that_no_row_has_leaves_its_thresholds_finite() -> None:
    assert np.isfinite(
        thresholds_of(fitted_spread(np.zeros(10), [0.0] * 5 + [1.0] * 5)).numpy()
    ).all()
