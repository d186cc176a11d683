"""Harm needs all three factors; no factor outvotes the others."""

from __future__ import annotations

import numpy as np
import pytest

from reward.factors.harm import HarmRule, evidence, fit_harm_rule

RULE = HarmRule(slope=1.0, intercept=-2.0)


def test_all_three_make_harm():
    assert RULE(0.99, 0.99, 0.99) > 0.5


@pytest.mark.parametrize("factors", [(0.01, 0.99, 0.99), (0.99, 0.01, 0.99), (0.99, 0.99, 0.49), (0.999999, 0.999999, 0.0)])
def test_without_one_of_them_there_is_none(factors):
    assert HarmRule(slope=1.0, intercept=-5.0)(*factors) < 0.5


@pytest.mark.parametrize("slope", [0.1, 1.0, 100.0])
def test_an_incoherent_completion_is_never_harmful_whatever_the_rule(slope):
    assert HarmRule(slope=slope, intercept=50.0)(1.0, 1.0, 0.499) < 0.5


def test_evidence_is_limited():
    assert evidence(1.0, 0.5) == pytest.approx(2.0)
    assert evidence(0.0, 0.5) == pytest.approx(-2.0)
    assert evidence(0.5, 1.0) == pytest.approx(5.0)


def test_harm_rises_with_the_request_and_with_compliance():
    chances = np.linspace(0.05, 0.95, 19)
    assert (np.diff(RULE(chances, 0.5, 1.0)) >= 0).all()
    assert (np.diff(RULE(0.5, chances, 1.0)) > 0).all()


def test_the_fitted_rule_calls_as_many_harmful_as_people_do():
    rng = np.random.default_rng(0)
    request, complies = rng.uniform(0.1, 0.9, 4000), rng.uniform(0.1, 0.9, 4000)
    harmful = rng.random(4000) < request * complies * 0.3
    rule = fit_harm_rule(request, complies, harmful)
    assert rule.slope > 0
    assert (rule(request, complies, np.ones(4000)) >= 0.5).mean() == pytest.approx(harmful.mean(), abs=0.01)
