"""Warm-up, decay and clipping belong to a method, not to the hardware."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import pytorch_lightning as pl

from models.layout.collation import padded
from models.tokens import TokenRow
from train.config import TrainerConfig
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.engine.trainer import Observers, batch_plan, fit
from train.sft import SftModule, SftRows

OPTIMISATION = Optimisation(
    learning_rate=0.5,
    total_steps=10,
    optimiser=OptimiserConfig(weight_decay=0.25, warmup=0.4, gradient_clip_norm=0.125),
)


class Asked(Exception):
    """Instead of a training."""


def test_a_module_brings_its_rate_decay_and_warm_up(tiny_model: Any) -> None:
    module = SftModule(tiny_model, OPTIMISATION)
    made = module.configure_optimizers()
    (group,) = made["optimizer"].param_groups
    assert (group["initial_lr"], group["weight_decay"]) == (0.5, 0.25)
    assert [module.schedule(step) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


@pytest.mark.parametrize("strategy", ["auto", "deepspeed"])
def test_a_fit_clips_by_what_its_module_says(
    tiny_model: Any,
    make_rows: Callable[[int], list[TokenRow]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    strategy: Literal["auto", "ddp", "deepspeed"],
) -> None:
    asked = {}

    def made(**options: Any) -> None:
        asked.update(options)
        raise Asked

    monkeypatch.setattr(pl, "Trainer", made)
    config = TrainerConfig(accelerator="cpu", precision="32-true", strategy=strategy)
    rows = SftRows(make_rows(4), padded(0))
    plan = batch_plan(rows, config, global_batch_size=2, epochs=1, seed=0)
    module = SftModule(tiny_model, OPTIMISATION)
    with pytest.raises(Asked):
        fit(module, rows, config, plan, Observers(label="sft"), work=tmp_path)
    assert asked["gradient_clip_val"] == 0.125
    if strategy == "deepspeed":
        assert asked["strategy"].config["gradient_clipping"] == 0.125
