"""Adapters start as the identity, merge without a change, and travel as the tensors that training
moved.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.adapters.trained import load_trainable_state, trainable_state
from models.adapters.wrapping import adapt, merge
from models.config import AdapterConfig, ModelConfig
from models.layout.logps import collate
from models.loading.load import load_model
from models.tokens import TokenRow
from records.errors import ModelError

LORA = AdapterConfig(rank=4, alpha=8)


@pytest.fixture
def load(tiny_directory: Path) -> Callable[[], Any]:
    return lambda: load_model(ModelConfig(path=str(tiny_directory)))


def logits(model: Any, rows: list[TokenRow]) -> Any:
    batch = collate(rows, 0)
    with torch.no_grad():
        return model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits


def moved(model: Any, seed: int = 1) -> Any:
    """The model after a stand-in for training: every trained tensor changed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in trainable_state(model).values():
            tensor.add_(0.05 * torch.randn(tensor.shape, generator=generator))
    return model


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_an_adapted_model_equals_its_base_exactly_before_training(
    load: Callable[[], Any], rows: list[TokenRow], kind: str
) -> None:
    assert torch.equal(
        logits(adapt(load(), AdapterConfig(kind=kind, rank=4, alpha=8), seed=0), rows),
        logits(load(), rows),
    )


def test_lora_trains_only_its_own_tensors_and_full_trains_all(load: Callable[[], Any]) -> None:
    assert all("lora_" in name for name in trainable_state(adapt(load(), LORA, seed=0)))
    model = load()
    assert len(trainable_state(adapt(model, AdapterConfig(kind="full"), seed=0))) == len(
        list(model.parameters())
    )


def test_the_seed_decides_the_adapter_and_leaves_the_global_generator_alone(
    load: Callable[[], Any],
) -> None:
    before = torch.random.get_rng_state()
    first, again, other = (trainable_state(adapt(load(), LORA, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_merged_model_answers_as_the_unmerged_one(
    load: Callable[[], Any], rows: list[TokenRow]
) -> None:
    model = moved(adapt(load(), LORA, seed=0))
    apart = logits(model, rows)
    assert (apart - logits(load(), rows)).abs().max() > 1e-2
    assert (logits(merge(model), rows) - apart).abs().max() <= 1e-5


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_trained_tensors_put_into_a_fresh_model_give_the_trained_one(
    load: Callable[[], Any], rows: list[TokenRow], kind: str
) -> None:
    config = AdapterConfig(kind=kind, rank=4, alpha=8)
    trained = moved(adapt(load(), config, seed=0))
    fresh = adapt(load(), config, seed=3)
    load_trainable_state(fresh, trainable_state(trained))
    assert torch.equal(logits(fresh, rows), logits(trained, rows))


def test_layers_that_do_not_exist_are_named(load: Callable[[], Any]) -> None:
    with pytest.raises(ModelError, match=r"no_such_layer.*name its linear layers"):
        adapt(load(), AdapterConfig(target_modules="no_such_layer"), seed=0)
