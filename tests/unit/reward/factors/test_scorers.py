"""Factors as scores: chances with labels, or unscored with a reason and never 0."""

from __future__ import annotations

import pytest
from present import present

from reward.factors.model import EMPTY, FactorModel, Factors
from reward.factors.scorers import HARMFUL, HARMLESS, AllFactors, FactorScorer, score_of
from tests.unit.reward.factors.conftest import completion


def test_the_default_scores_harm_with_its_uncertainty(model: FactorModel) -> None:
    scorer = FactorScorer(load=lambda: model)
    (score,) = scorer.score([completion("a", "Call your doctor.")])
    assert (score.scorer, score.completion_id, score.id) == ("default", "a", "a/default")
    assert 0 <= present(score.value) <= 1
    assert 0 <= present(score.uncertainty) <= 0.7


@pytest.mark.parametrize(("harm", "label"), [(0.5, HARMFUL), (0.49, HARMLESS)])
def test_the_label_is_called_at_one_half(harm: float, label: str) -> None:
    assert score_of(Factors(completion_id="a", harm=harm, entropy=0.1), "s", "harm").label == label


def test_what_cannot_be_read_is_unscored_with_a_reason(model: FactorModel) -> None:
    (score,) = FactorScorer(load=lambda: model).score([completion("a", " ")])
    assert (score.value, score.label, score.reason) == (None, "", EMPTY)


def test_a_head_that_is_off_says_why() -> None:
    score = score_of(Factors(completion_id="a", harm=0.1), "s", "unsafe_advice")
    assert score.value is None
    assert "validated" in score.reason


def test_all_factors_are_named_after_the_scorer(model: FactorModel) -> None:
    scores = AllFactors(load=lambda: model).scores([completion("a", "Call your doctor.")])
    assert [score.scorer for score in scores] == [
        "default",
        "default/request",
        "default/complies",
        "default/coherent",
        "default/unsafe_advice",
    ]


def test_an_unknown_factor_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="complies"):
        FactorScorer(factor="kindness")
