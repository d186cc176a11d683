"""Principles are ranked for every prompt, and chances go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from records.rows import user
from reward.factors.principle import principles_at_stake

if TYPE_CHECKING:
    from reward.factors.model import FactorModel


def test_every_prompt_has_all_nine_ranked(model: FactorModel) -> None:
    found = principles_at_stake(
        [user("How do I hide an error?"), user("Thank you")], load=lambda: model
    )
    for verdict in found:
        assert sorted(verdict.ranking) == list(range(1, 10))
        assert list(verdict.chances) == sorted(verdict.chances, reverse=True)
        assert sum(verdict.chances) == pytest.approx(1)
        assert verdict.principle == verdict.ranking[0]
        assert 0 <= verdict.opposes <= 1


def test_no_prompts_load_nothing() -> None:
    assert principles_at_stake([], load=lambda: pytest.fail("heads were loaded")) == []
