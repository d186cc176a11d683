"""Which arithmetic a config means, and which ones go together."""

from __future__ import annotations

import pytest
import torch

from train.config import TrainerConfig
from train.engine.hardware import autocast, precision


def test_float16_under_deepspeed_is_refused():
    with pytest.raises(ValueError, match="16-mixed"):
        TrainerConfig(strategy="deepspeed", precision="16-mixed")


@pytest.mark.parametrize(("strategy", "wanted"), [("auto", "16-mixed"), ("deepspeed", "32-true")])
def test_auto_on_a_gpu_without_bfloat16(monkeypatch, strategy, wanted):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert precision(TrainerConfig(accelerator="gpu", strategy=strategy)) == wanted


@pytest.mark.parametrize(
    ("name", "wanted"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)]
)
def test_what_is_computed_outside_the_trainer_uses_its_arithmetic(name, wanted):
    with autocast(TrainerConfig(accelerator="cpu", precision=name)):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == wanted
