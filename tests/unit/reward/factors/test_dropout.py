"""MC dropout: many members, the same on average, and the same for every completion."""

from __future__ import annotations

import numpy as np
import pytest

from reward.factors.dropout import with_dropout
from reward.factors.heads import Head


@pytest.fixture
def head() -> Head:
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(8, 1, 400)).astype(np.float32)
    bias = rng.normal(size=(8, 1)).astype(np.float32)
    return Head(name="complies", blocks=("counts",), classes=(), weight=weight, bias=bias)


def test_dropped_features_are_made_up_for_by_the_others(head: Head) -> None:
    made = with_dropout(head, rate=0.25, passes=4000)
    mean = head.weight.mean(axis=0)
    share = (made.weight == 0).mean()
    assert share == pytest.approx(0.25, abs=0.005)
    assert made.weight.mean(axis=0) == pytest.approx(mean, abs=0.1 * float(np.abs(mean).max()))
    assert np.ptp(made.bias, axis=0) == pytest.approx([0.0], abs=1e-6)


def test_without_dropout_every_member_is_the_mean(head: Head) -> None:
    made = with_dropout(head, rate=0.0, passes=3)
    assert made.weight == pytest.approx(np.repeat(head.weight.mean(axis=0)[None], 3, axis=0))


def test_the_same_seed_drops_the_same_and_heads_drop_apart(head: Head) -> None:
    first, again = with_dropout(head), with_dropout(head)
    assert (first.weight == again.weight).all()
    assert (with_dropout(head, seed=1).weight != first.weight).any()


def test_all_features_cannot_be_dropped(head: Head) -> None:
    with pytest.raises(ValueError, match="wanted a share below 1, got 1"):
        with_dropout(head, rate=1.0)
