"""Fixtures that several files of tests share."""

from __future__ import annotations

import pytest
from card_parts_shown import NO_FAULTS, Make

from data_prep.cards.data_card import DataCard
from data_prep.cards.prompts_card import prompts_card
from data_prep.config import (
    DataConfig,
    SourceConfig,
)


@pytest.fixture
def card(row: Make) -> DataCard:
    config = DataConfig(
        sources=[SourceConfig(name="made", format="jsonl", path="x.jsonl", licence="MIT")]
    )
    return prompts_card(
        config, [row("a", "A")], [], rows_read={"made": 1}, seed=0, compared={}, lint=NO_FAULTS
    )
