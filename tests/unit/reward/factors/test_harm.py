"""Harm needs all three factors; no factor outvotes the others."""

from __future__ import annotations

import numpy as np
import pytest

from reward.factors.harm import (
    HarmRule,
    KnownRows,
    KnownRule,
    evidence,
    fit_harm_rule,
    fit_known_rule,
)

RULE = HarmRule(slope=1.0, intercept=-2.0)


def test_all_three_make_harm() -> None:
    assert RULE(0.99, 0.99, 0.99) > 0.5


@pytest.mark.parametrize(
    "factors",
    [(0.01, 0.99, 0.99), (0.99, 0.01, 0.99), (0.99, 0.99, 0.49), (0.999999, 0.999999, 0.0)],
)
def test_without_one_of_them_there_is_none(factors: tuple[float, float, float]) -> None:
    assert HarmRule(slope=1.0, intercept=-5.0)(*factors) < 0.5


@pytest.mark.parametrize("slope", [0.1, 1.0, 100.0])
def test_an_incoherent_completion_is_never_harmful_whatever_the_rule(slope: float) -> None:
    assert HarmRule(slope=slope, intercept=50.0)(1.0, 1.0, 0.499) < 0.5


def test_evidence_is_limited() -> None:
    assert evidence(1.0, 0.5) == pytest.approx(2.0)
    assert evidence(0.0, 0.5) == pytest.approx(-2.0)
    assert evidence(0.5, 1.0) == pytest.approx(5.0)


def test_harm_rises_with_the_request_and_with_compliance() -> None:
    chances = np.linspace(0.05, 0.95, 19)
    assert (np.diff(RULE(chances, 0.5, 1.0)) >= 0).all()
    assert (np.diff(RULE(0.5, chances, 1.0)) > 0).all()


def test_the_fitted_rule_calls_as_many_harmful_as_people_do() -> None:
    rng = np.random.default_rng(0)
    request, complies = rng.uniform(0.1, 0.9, 4000), rng.uniform(0.1, 0.9, 4000)
    harmful = rng.random(4000) < request * complies * 0.3
    rule = fit_harm_rule(request, complies, harmful)
    assert rule.slope > 0
    assert (rule(request, complies, np.ones(4000)) >= 0.5).mean() == pytest.approx(
        harmful.mean(), abs=0.01
    )


def test_a_known_request_is_judged_by_the_completion_alone() -> None:
    rule = KnownRule(slope=1.5, intercept=-1.0)
    wanted = 1 / (1 + np.exp(-(1.5 * np.log(9) - 1.0)))
    assert rule(0.9, [0.5, 0.9, 1.0]) == pytest.approx([wanted] * 3), "coherent enough is enough"
    assert rule([0.999] * 2, [0.499, 0.0]).max() < 0.5, "an incoherent completion is never harmful"


def test_the_rule_of_known_requests_finds_the_line_behind_the_labels() -> None:
    rng = np.random.default_rng(1)
    complies, coherent = rng.uniform(0.05, 0.95, (2, 40000))
    line = 1.5 * np.log(complies / (1 - complies)) - 1.2
    # What makes no sense is harmless, and says nothing of the line of what makes sense.
    harmful = (rng.random(40000) < 1 / (1 + np.exp(-line))) & (coherent >= 0.5)
    rule = fit_known_rule(KnownRows(complies, coherent, harmful, np.ones(40000)))
    assert [rule.slope, rule.intercept] == pytest.approx([1.5, -1.2], abs=0.08)
