"""Trainings that are killed on the device and go on, plain and under ZeRO, against one on a CPU
that was never stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from device_training import Killed, Trained, distance, train

from models.config import ModelConfig

pytestmark = pytest.mark.gpu
LOSS = {"32-true": 1e-3, "bf16-mixed": 3e-2, "16-mixed": 3e-2}
"""Share of a loss by which it may be off."""


def resumed(
    job: str, kind: str, start: ModelConfig, tokenizer: Any, work: Path, **settings: Any
) -> Trained:
    """Killed after two steps, and run again."""
    with pytest.raises(Killed):
        train(job, kind, start, tokenizer, work, dies_at=2, **settings)
    return train(job, kind, start, tokenizer, work, **settings)


def assert_alike(found: Trained, right: Trained, precision: str) -> None:
    assert found.losses == pytest.approx(right.losses, rel=LOSS[precision])
    if precision == "32-true":
        # Losses come before the last step: what went wrong in it is seen in the weights.
        assert distance(found.end, right.end) < 0.02 * distance(right.end, right.start)


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_killed_training_ends_as_one_that_was_not(
    kind: str,
    precision: str,
    start: ModelConfig,
    tokenizer: Any,
    device: torch.device,
    accelerator: str,
    wanted: Callable[[str, str], Trained],
    tmp_path: Path,
) -> None:
    """In float16 the loss scaler goes on too."""
    if precision == "16-mixed" and device.type == "cpu":
        pytest.skip("tests/unit/train/test_float16.py has it on a CPU, with Lightning's plugin")
    settings = {"accelerator": accelerator, "precision": precision}
    found = resumed("dpo", kind, start, tokenizer, tmp_path, **settings)
    assert_alike(found, wanted("dpo", kind), precision)


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize(("job", "kind"), [("sft", "lora"), ("dpo", "full")])
def test_zero_trains_as_one_process_and_goes_on_when_killed(
    stage: int,
    job: str,
    kind: str,
    precision: str,
    start: ModelConfig,
    tokenizer: Any,
    accelerator: str,
    wanted: Callable[[str, str], Trained],
    tmp_path: Path,
) -> None:
    """The optimiser's states must be where its weights are."""
    settings: dict[str, Any] = {
        "accelerator": accelerator,
        "strategy": "deepspeed",
        "zero_stage": stage,
        "precision": precision,
    }
    found = resumed(job, kind, start, tokenizer, tmp_path, **settings)
    assert_alike(found, wanted(job, kind), precision)
