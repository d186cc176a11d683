"""An online fit of the tiny model that can be killed (tests/support/tiny_online.py)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tiny_online import online_of, rlhf_config, rows_and_plan

torch.set_num_threads(1)  # tiny matrices: threads cost more than they bring


class Fitted(NamedTuple):
    module: Any
    metrics: list[dict[str, float]]
    work: Path

    @property
    def tensors(self) -> dict[str, Any]:
        from models.adapters.trained import trainable_state

        return {name: tensor.clone() for name, tensor in trainable_state(self.module.model).items()}


@pytest.fixture(scope="session")
def fit_online(tiny_directory: Path, tokenizer: Any) -> Callable[..., Fitted]:
    """Runs an online fit as the stage does, resuming from `work`."""

    def run(
        work: Path,
        *,
        kind: str = "lora",
        micro_batch_tokens: int = 4096,
        callbacks: Any = (),
        harm: Any = None,
        **options: Any,
    ) -> Fitted:
        from models.adapters.wrapping import adapt
        from models.config import AdapterConfig, ModelConfig
        from models.loading.load import load_model
        from models.memory.prepare import prepared_layout
        from train.config import TrainerConfig
        from train.engine.checkpoint_files import settle
        from train.engine.loggers import JsonLinesLogger, forget_metrics_after
        from train.engine.optimisation import Optimisation, OptimiserConfig
        from train.engine.trainer import Observers, fit, resumed_step
        from train.rlhf.module import RlhfModule
        from train.rlhf.writer import PolicyCopy

        start = ModelConfig(path=str(tiny_directory))
        trainer = TrainerConfig(
            accelerator="cpu",
            precision="32-true",
            checkpoint_every_steps=2,
            micro_batch_tokens=micro_batch_tokens,
        )
        config = rlhf_config(**options)
        model = adapt(load_model(start), AdapterConfig(kind=kind, rank=4, alpha=8), seed=0)
        rows, plan = rows_and_plan(
            tokenizer, prepared_layout(model, tokenizer.pad_token_id, 256), trainer, config
        )
        writer = PolicyCopy(
            lambda: load_model(start).requires_grad_(False), tokenizer, config.generation
        )
        online = online_of(work, rows, plan, writer, config, trainer, harm)
        optimisation = Optimisation(
            learning_rate=config.learning_rate,
            total_steps=config.steps,
            optimiser=OptimiserConfig(warmup=0.0),
        )
        module = RlhfModule(model, config, online, optimisation)
        work.mkdir(parents=True, exist_ok=True)
        settle(work / "checkpoints")
        metrics = work / "metrics.jsonl"
        forget_metrics_after(metrics, resumed_step(work))
        fit(
            module,
            rows,
            trainer,
            plan,
            Observers(label="test", callbacks=callbacks, loggers=[JsonLinesLogger(metrics)]),
            work=work,
        )
        return Fitted(module, [json.loads(line) for line in metrics.read_text().splitlines()], work)

    return run


@pytest.fixture
def fit_rlhf(fit_online: Callable[..., Fitted]) -> Callable[..., Fitted]:
    return fit_online
