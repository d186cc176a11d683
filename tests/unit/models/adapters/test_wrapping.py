"""What an adapter is asked for is what it does: no caller knows its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.adapters.registry import ADAPTERS, adapter_of
from models.adapters.wrapping import adapt, adapter_on, merge
from models.config import AdapterConfig, ModelConfig
from models.loading.load import load_model

KINDS = [AdapterConfig(kind=kind, rank=4, alpha=8) for kind in ADAPTERS]


@pytest.fixture
def load(tiny_directory: Path) -> Callable[[], Any]:
    return lambda: load_model(ModelConfig(path=str(tiny_directory)))


@pytest.mark.parametrize("config", KINDS, ids=ADAPTERS)
def test_it_counts_what_it_trains_before_it_wraps(
    load: Callable[[], Any], config: AdapterConfig
) -> None:
    adapter = adapter_of(config)
    expected = adapter.count(load())
    wrapped = adapt(load(), config, seed=0)
    assert adapter_on(wrapped) == adapter
    assert sum(tensor.numel() for tensor in adapter.state(wrapped).values()) == expected


@pytest.mark.parametrize("config", KINDS, ids=ADAPTERS)
def test_its_base_stays_or_it_leaves_nothing_apart(
    load: Callable[[], Any], config: AdapterConfig
) -> None:
    adapter, base = adapter_of(config), dict(load().named_parameters())
    wrapped = adapt(load(), config, seed=0)
    with torch.no_grad():
        for tensor in adapter.state(wrapped).values():
            tensor.add_(1.0)
    own = {
        name.removeprefix("base_model.model.").replace(".base_layer", ""): parameter
        for name, parameter in wrapped.named_parameters()
    }
    assert all(torch.equal(own[name], base[name]) for name in base) == adapter.keeps_base
    assert (adapter.bytes(1000) > 0) == adapter.keeps_base


@pytest.mark.parametrize("config", KINDS, ids=ADAPTERS)
def test_a_state_restored_and_merged_is_the_trained_model(
    load: Callable[[], Any], config: AdapterConfig
) -> None:
    trained = adapt(load(), config, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in adapter_on(trained).state(trained).values():
            tensor.add_(0.05 * torch.randn(tensor.shape, generator=generator))
    again = adapt(load(), config, seed=0)
    adapter_on(again).restore(again, adapter_on(trained).state(trained))
    got, wanted = merge(again).state_dict(), merge(trained).state_dict()
    assert set(got) == set(load().state_dict())
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)


def test_an_unknown_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"got 'dora', wanted one of lora, full"):
        AdapterConfig(kind="dora")


def test_a_model_that_nobody_wrapped_is_whole(load: Callable[[], Any]) -> None:
    assert not adapter_on(load()).keeps_base
