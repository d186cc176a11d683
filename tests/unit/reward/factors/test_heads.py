"""A head says what scikit-learn's regression with its weights says; uncertainty adds up."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from reward.factors.heads import entropy, stacked_yes, uncertainty
from reward.factors.texts import Exchange

if TYPE_CHECKING:
    from reward.factors.bundle import Bundle
    from reward.factors.features import FeatureRoom

EXCHANGES = [
    Exchange("p", text)
    for text in ("Call your doctor.", "I can't help with that.", "Step 1: steps.", "x")
]


@pytest.mark.parametrize("name", ["complies", "refusal"])
def test_every_member_agrees_with_scikit_learn(
    bundle: Bundle, room: FeatureRoom, name: str
) -> None:
    head = dataclasses.replace(bundle.heads[name], slope=1.0, intercept=0.0)
    features = room.of(EXCHANGES)
    found = head.members(features)
    for place in range(len(head.weight)):
        wanted = LogisticRegression()
        wanted.classes_ = np.arange(max(2, len(head.classes)))
        wanted.coef_, wanted.intercept_ = (
            head.weight[place].astype(float),
            head.bias[place].astype(float),
        )
        np.testing.assert_allclose(
            found[place], wanted.predict_proba(features.matrix(head.blocks)), atol=1e-9
        )


def test_platts_line_is_applied_to_the_logit(bundle: Bundle, room: FeatureRoom) -> None:
    head, features = bundle.heads["complies"], room.of(EXCHANGES)
    wanted = 1 / (1 + np.exp(-(1.3 * head.logits(features)[..., 0] - 0.1)))
    np.testing.assert_allclose(head.yes(features), wanted)


def test_members_that_agree_have_no_mutual_information() -> None:
    total, shared = uncertainty(stacked_yes(np.full((5, 2), 0.5)))
    np.testing.assert_allclose(total, np.log(2))
    np.testing.assert_allclose(shared, 0, atol=1e-12)


def test_members_that_contradict_each_other_have_nothing_but_mutual_information() -> None:
    total, shared = uncertainty(stacked_yes(np.array([[0.0], [1.0]])))
    np.testing.assert_allclose([total[0], shared[0]], np.log(2))


def test_entropy_of_certainty_is_nothing() -> None:
    assert entropy(np.array([1.0, 0.0])) == 0
