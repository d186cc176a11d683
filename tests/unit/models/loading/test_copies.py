"""A copy in memory is the model that its files give, whatever was done to the one that it is taken
from.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.adapters.wrapping import adapt, adapter_on
from models.config import AdapterConfig, ModelConfig
from models.loading.copies import plain_copy
from models.loading.load import load_model
from models.memory.prepare import Options, prepared_layout


@pytest.fixture
def start(tiny_directory: Path) -> ModelConfig:
    return ModelConfig(path=str(tiny_directory))


def everything(model: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any], dict[str, Any], bool]:
    """Parameters and buffers, those too that are not saved; and the settings."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return tensors, model.config.to_dict(), model.generation_config.to_dict(), model.training


def trained(start: ModelConfig, **adapter: Any) -> Any:
    """Prepared as for a training, and moved by one."""
    model = adapt(load_model(start), AdapterConfig(rank=4, **adapter), seed=0)
    prepared_layout(model, 0, 128, Options(lean=True, recompute=True))
    with torch.no_grad():
        for tensor in adapter_on(model).state(model).values():
            tensor.add_(0.1)
    return model


def test_under_an_adapter_lies_the_base_to_the_bit(start: ModelConfig) -> None:
    got, wanted = everything(plain_copy(trained(start), start)), everything(load_model(start))
    assert list(got[0]) == list(wanted[0])
    assert all(torch.equal(got[0][name], tensor) for name, tensor in wanted[0].items())
    assert got[1:] == wanted[1:]


def test_the_copy_shares_no_memory_with_what_it_is_taken_from(start: ModelConfig) -> None:
    model = trained(start)
    copy = plain_copy(model, start)
    with torch.no_grad():
        for tensor in copy.parameters():
            tensor.zero_()
    again = plain_copy(model, start)
    base = load_model(start)
    assert all(map(torch.equal, again.parameters(), base.parameters()))


def test_fully_trained_weights_are_those_of_now(start: ModelConfig) -> None:
    model = trained(start, kind="full")
    copy = dict(plain_copy(model, start).named_parameters())
    assert all(torch.equal(copy[name], tensor) for name, tensor in model.named_parameters())
    assert not any(tensor.requires_grad for tensor in copy.values())


def test_a_head_that_is_the_embeddings_stays_one(tied_directory: Path) -> None:
    start = ModelConfig(path=str(tied_directory))
    copy = plain_copy(trained(start), start)
    assert copy.get_output_embeddings().weight is copy.get_input_embeddings().weight


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt"])
def test_it_computes_what_the_files_give(
    causal_model: Callable[..., Any], kind: str, tmp_path: Path
) -> None:
    model = causal_model(kind)
    model.save_pretrained(tmp_path)
    start = ModelConfig(path=str(tmp_path))
    ids = torch.tensor([[3, 5, 7, 9, 11]])
    with torch.no_grad():
        copy = plain_copy(trained(start, target_modules="all-linear"), start)
        assert torch.equal(copy(input_ids=ids).logits, load_model(start)(input_ids=ids).logits)
