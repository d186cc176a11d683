"""Weights are loaded in the type that they are used in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.config import Dtype, ModelConfig
from models.loading import load
from models.loading.load import load_model, load_model_as


@pytest.mark.parametrize("stated", ["float32", "bfloat16"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_it_is_the_same_model_and_never_a_wider_one(
    tiny_directory: Path, monkeypatch: pytest.MonkeyPatch, stated: Dtype, dtype: torch.dtype
) -> None:
    config = ModelConfig(path=str(tiny_directory), dtype=stated)
    wanted = load_model(config).to(dtype)
    loaded: list[torch.dtype] = []

    def recorded(*args: Any, **named: Any) -> Any:
        loaded.append((model := load_model(*args, **named)).dtype)
        return model

    monkeypatch.setattr(load, "load_model", recorded)
    found = load_model_as(dtype, config)
    assert loaded == [torch.bfloat16 if stated == "bfloat16" else dtype]
    tensors = [*found.named_parameters(), *found.named_buffers()]
    others = [*wanted.named_parameters(), *wanted.named_buffers()]
    assert len(tensors) == len(others)
    for (name, ours), (other, theirs) in zip(tensors, others, strict=True):
        assert (name, ours.dtype) == (other, theirs.dtype)
        assert torch.equal(ours, theirs), name
