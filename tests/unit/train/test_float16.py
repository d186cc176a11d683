"""Float16 with a loss scaler, which Lightning chooses on GPUs only, tried on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins import MixedPrecision

from train.engine import trainer

if TYPE_CHECKING:
    from tests.unit.train.conftest import Fitted

TOO_HIGH = 2.0**21
"""A scale under which the gradients of the first steps overflow: the scaler leaves them out."""


class Killed(RuntimeError):
    pass


class KillAt(pl.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step:
            raise Killed


class Scales(pl.Callback):
    """The scale before each step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        self.seen.append(trainer.precision_plugin.scaler.get_scale())


@pytest.fixture
def in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = trainer._plugins

    def with_scaler(config: Any) -> list[Any]:
        scaler = torch.amp.GradScaler("cpu", init_scale=TOO_HIGH)
        return [*plugins(config), MixedPrecision("16-mixed", "cpu", scaler)]

    monkeypatch.setattr(trainer, "_plugins", with_scaler)
    monkeypatch.setattr(trainer, "precision", lambda config: None)


@pytest.mark.usefixtures("in_float16")
def test_killed_after_steps_that_the_scaler_left_out_it_ends_where_it_would_have(
    fit_sft: Callable[..., Fitted], tmp_path: Path
) -> None:
    """The first checkpoint is of weights that have not moved yet: AdamW has no states."""
    options: dict[str, Any] = {"epochs": 1, "every": 1, "learning_rate": 1e-3}
    scales = Scales()
    wanted = fit_sft(tmp_path / "whole", callbacks=[scales], **options)
    assert scales.seen[0] == TOO_HIGH > scales.seen[-1]
    # Moved in the end: not all steps were left out.
    assert wanted.tensors[next(name for name in wanted.tensors if "lora_B" in name)].any()
    with pytest.raises(Killed):
        fit_sft(tmp_path / "killed", callbacks=[KillAt(1)], **options)
    found = fit_sft(tmp_path / "killed", callbacks=[again := Scales()], **options)
    assert again.seen[0] < TOO_HIGH
    assert found.metrics == wanted.metrics
    for name, tensor in wanted.tensors.items():
        assert torch.equal(found.tensors[name], tensor), name
