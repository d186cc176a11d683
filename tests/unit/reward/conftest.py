"""A small reward network, and rows of which every two share a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from present import present

from models.config import AdapterConfig, ModelConfig
from models.tokens import TokenRow, encode
from records.rows import assistant, user
from reward.model.network import HarmfulnessNetwork, new_network

TEXTS = (
    "Yes.",
    "Take it with food, twice a day, and drink water.",
    "No. " * 30,
    "I can't help with that.",
)


@pytest.fixture
def rows(tokenizer: Any) -> list[TokenRow]:
    return [
        present(encode(tokenizer, user(f"Question {k // 2}?"), assistant(text), 256))
        for k, text in enumerate(TEXTS)
    ]


@pytest.fixture
def config(tiny_directory: Path) -> ModelConfig:
    return ModelConfig(path=str(tiny_directory))


@pytest.fixture
def network(config: ModelConfig) -> HarmfulnessNetwork:
    """LoRA and head moved away from their start, so that nothing is zero by accident."""
    made = new_network(config, AdapterConfig(rank=4, alpha=8), layers=None, seed=0)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return made.eval()
