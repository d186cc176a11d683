"""Every kind of training on the device against the same on a CPU: float32, half precision, compiled
layers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from device_training import JOBS, Trained, distance, train

from models.config import ModelConfig

pytestmark = pytest.mark.gpu


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize(("job", "kind"), JOBS)
def test_float32_ends_where_the_cpu_ends(
    job: str,
    kind: str,
    start: ModelConfig,
    tokenizer: Any,
    accelerator: str,
    wanted: Callable[[str, str], Trained],
    tmp_path: Path,
) -> None:
    """Weights within 2 % of the way that training went: sums on a GPU are not in order."""
    found, right = (
        train(job, kind, start, tokenizer, tmp_path, accelerator=accelerator),
        wanted(job, kind),
    )
    assert found.losses == pytest.approx(right.losses, rel=1e-3)
    assert distance(found.end, right.end) < 0.02 * distance(right.end, right.start)


@pytest.mark.parametrize(("job", "kind"), JOBS)
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_half_precision_has_the_losses_of_float32(
    job: str,
    kind: str,
    precision: str,
    start: ModelConfig,
    tokenizer: Any,
    device: torch.device,
    accelerator: str,
    wanted: Callable[[str, str], Trained],
    tmp_path: Path,
) -> None:
    if precision == "16-mixed" and device.type == "cpu":
        pytest.skip("Lightning has float16 for GPUs only")
    found = train(
        job, kind, start, tokenizer, tmp_path, accelerator=accelerator, precision=precision
    )
    assert found.losses == pytest.approx(wanted(job, kind).losses, rel=3e-2)


@pytest.mark.parametrize(("kind", "checkpointing"), [("lora", False), ("full", True)])
def test_compiled_layers_have_the_losses_of_plain_ones(
    kind: str,
    checkpointing: bool,
    start: ModelConfig,
    tokenizer: Any,
    device: torch.device,
    accelerator: str,
    wanted: Callable[[str, str], Trained],
    tmp_path: Path,
) -> None:
    """On a GPU they are what every other training here computes with, too."""
    if checkpointing and device.type == "cpu":
        pytest.skip("a minute of compilation, and nothing that a unit test does not show there")
    settings: dict[str, Any] = {"compile_layers": "on", "gradient_checkpointing": checkpointing}
    found = train("sft", kind, start, tokenizer, tmp_path, accelerator=accelerator, **settings)
    assert found.losses == pytest.approx(wanted("sft", kind).losses, rel=1e-3)
