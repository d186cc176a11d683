"""In which type `auto` computes on a GPU."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from models.config import GenerationConfig
from models.engines.generate import generation_dtype
from models.layout.arithmetic import gpu_multiplies_bf16
from train.config import TrainerConfig
from train.engine.hardware import precision

AUTO_GPU = TrainerConfig(accelerator="gpu")


def use_gpu(monkeypatch: pytest.MonkeyPatch, major: int) -> None:
    """A GPU of this compute capability, which can make bfloat16 tensors as every GPU can."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(major=major)
    )
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda device: True)


def test_a_gpu_that_only_emulates_bfloat16_computes_in_float16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_gpu(monkeypatch, major=7)
    assert precision(AUTO_GPU) == "16-mixed"
    assert generation_dtype(GenerationConfig()) == torch.float16
    assert not gpu_multiplies_bf16()


def test_a_gpu_that_multiplies_bfloat16_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    use_gpu(monkeypatch, major=8)
    assert precision(AUTO_GPU) == "bf16-mixed"
    assert generation_dtype(GenerationConfig()) == torch.bfloat16
    assert gpu_multiplies_bf16()
