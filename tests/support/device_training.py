"""Trainings of a few steps as the stages make them, of every kind, for the tests of a GPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from present import present

from models.adapters.trained import trainable_state
from models.adapters.wrapping import adapt
from models.config import AdapterConfig
from models.loading.load import load_model, skeleton
from models.memory.prepare import Options, prepared_layout
from models.tokens import encode, encode_pair
from records.rows import assistant, user
from reward.model.network import new_network
from reward.model.training import RewardModule, RewardRows
from train.config import DpoConfig, TrainerConfig, loads_sharded
from train.dpo import DpoModule, DpoRows
from train.engine.hardware import compiles
from train.engine.loggers import JsonLinesLogger
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.engine.trainer import Observers, batch_plan, fit
from train.engine.weights import state_of
from train.reference import ReferencePass
from train.sft import SftModule, SftRows

ROWS, GLOBAL_BATCH = 8, 4
JOBS = [(job, kind) for job in ("sft", "dpo", "reward") for kind in ("lora", "full")]


class Trained(NamedTuple):
    losses: list[float]
    start: dict[str, torch.Tensor]  # what is trained, before
    end: dict[str, torch.Tensor]


class Killed(RuntimeError):
    """In place of a signal."""


class Watch(pl.Callback):  # type: ignore[misc]  # Lightning has no types
    def __init__(self, dies_at: int | None) -> None:
        self.dies_at = dies_at
        self.end: dict[str, torch.Tensor] = {}

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.dies_at:
            raise Killed

    def on_train_end(self, trainer: Any, module: Any) -> None:
        self.end = {
            name: tensor.detach().cpu().clone() for name, tensor in state_of(module).items()
        }


def rows_of(job: str, tokenizer: Any, layout: Any) -> Any:
    prompts = [user(f"Question {i}? " + "Please tell me more. " * (i % 4)) for i in range(ROWS)]
    safe = [assistant("That is not safe; ask a doctor. " * (1 + i % 3)) for i in range(ROWS)]
    harmful = [assistant(f"Sure, step {i}. " + "Do it now. " * (i % 5)) for i in range(ROWS)]
    if job == "sft":
        return SftRows(
            [present(encode(tokenizer, p, c, 256)) for p, c in zip(prompts, safe, strict=True)],
            layout,
        )
    if job == "dpo":
        pairs = [
            present(encode_pair(tokenizer, p, pair, 256))
            for p, pair in zip(prompts, zip(safe, harmful, strict=True), strict=True)
        ]
        return DpoRows(pairs, layout)
    # Not one prompt on both sides: its gradients cancel, and Adam makes steps of what rounding
    # leaves of them.
    sides = [
        (user(f"{side}. {prompt[0]['content']}"), completion, side)
        for side, several in enumerate((safe, harmful))
        for prompt, completion in zip(prompts, several, strict=True)
    ]
    rows = [present(encode(tokenizer, prompt, completion, 256)) for prompt, completion, _ in sides]
    return RewardRows(rows, [bool(side) for *_, side in sides], layout)


def module_of(job: str, model: Any, common: Optimisation) -> Any:
    if job == "dpo":
        return DpoModule(model, DpoConfig(), common)
    return (SftModule if job == "sft" else RewardModule)(model, common)


def train(
    job: str,
    kind: str,
    start: Any,
    tokenizer: Any,
    work: Path,
    dies_at: int | None = None,
    **settings: Any,
) -> Trained:
    config = TrainerConfig(
        **{
            "precision": "32-true",
            "micro_batch_tokens": 400,
            "checkpoint_every_steps": 1,
            "cpu_threads": 1,
            **settings,
        }
    )
    adapter, sharded = AdapterConfig(kind=kind, rank=4, alpha=8), loads_sharded(config)  # type: ignore[arg-type]

    def ready(model: Any) -> tuple[Any, Any]:
        backbone = getattr(model, "backbone", model)
        options = Options(lean=not sharded, compiled=compiles(config))
        return model, prepared_layout(backbone, tokenizer.pad_token_id, 256, options)

    def policy() -> tuple[Any, Any]:
        return ready(adapt(load_model(start), adapter, seed=0))

    if job == "reward":
        model, layout = ready(new_network(start, adapter, layers=None, seed=0))
    else:
        model, layout = ready(adapt(skeleton(start), adapter, seed=0)) if sharded else policy()
    trained = {} if sharded else trainable_state(model)
    before = {name: tensor.cpu().clone() for name, tensor in trained.items()}
    rows = rows_of(job, tokenizer, layout)
    plan = batch_plan(rows, config, global_batch_size=GLOBAL_BATCH, epochs=2, seed=0)
    common = Optimisation(
        learning_rate=1e-3,
        total_steps=2 * plan.steps_per_epoch,
        optimiser=OptimiserConfig(weight_decay=0.01, warmup=0.0),
    )
    callbacks: list[pl.Callback] = [watch := Watch(dies_at)]
    module = module_of(job, model, common)
    if job == "dpo":
        callbacks.append(ReferencePass(rows, config, work / "reference"))
    work.mkdir(parents=True, exist_ok=True)
    metrics = work / "metrics.jsonl"
    load = (lambda: policy()[0]) if sharded else None
    fit(
        module,
        rows,
        config,
        plan,
        Observers(label=job, callbacks=callbacks, loggers=[JsonLinesLogger(metrics)]),
        work=work,
        load=load,
    )
    return Trained(
        [json.loads(line)["loss"] for line in metrics.read_text().splitlines()], before, watch.end
    )


def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return float(sum((a[name] - tensor).norm() ** 2 for name, tensor in b.items()) ** 0.5)
