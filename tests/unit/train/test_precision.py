"""Which arithmetic a config means and whether layers are compiled, and which ones go together."""

from __future__ import annotations

import shutil
from typing import Literal

import pytest
import torch

from train.config import TrainerConfig
from train.engine.hardware import autocast, compiles, device_faults, precision


def test_float16_under_deepspeed_is_refused() -> None:
    with pytest.raises(ValueError, match="16-mixed"):
        TrainerConfig(strategy="deepspeed", precision="16-mixed")


@pytest.mark.parametrize(("strategy", "wanted"), [("auto", "16-mixed"), ("deepspeed", "32-true")])
def test_auto_on_a_gpu_without_bfloat16(
    monkeypatch: pytest.MonkeyPatch, strategy: Literal["auto", "ddp", "deepspeed"], wanted: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert precision(TrainerConfig(accelerator="gpu", strategy=strategy)) == wanted


@pytest.mark.parametrize(
    ("name", "wanted"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)]
)
def test_what_is_computed_outside_the_trainer_uses_its_arithmetic(
    name: Literal["auto", "32-true", "bf16-mixed", "16-mixed"], wanted: torch.dtype
) -> None:
    with autocast(TrainerConfig(accelerator="cpu", precision=name)):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == wanted


def test_auto_compiles_on_a_gpu_whose_weights_are_not_gathered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert compiles(TrainerConfig())
    assert not compiles(TrainerConfig(compile_layers="off"))
    assert not compiles(TrainerConfig(strategy="deepspeed", zero_stage=3))
    assert compiles(TrainerConfig(strategy="deepspeed", zero_stage=2))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not compiles(TrainerConfig())


def test_zero_3_cannot_be_told_to_compile() -> None:
    with pytest.raises(
        ValueError, match=r"compile_layers=on does not go with trainer.zero_stage=3"
    ):
        TrainerConfig(compile_layers="on", strategy="deepspeed", zero_stage=3)


def test_a_missing_compiler_is_a_fault_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    config = TrainerConfig(compile_layers="on", accelerator="cpu")
    (fault,) = device_faults(config)
    assert "looked for g++ and clang++" in fault
    assert device_faults(TrainerConfig(accelerator="cpu")) == []
    monkeypatch.setenv("CXX", "icpx")
    assert "looked for icpx" in device_faults(config)[0]
