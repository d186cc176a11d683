"""The Lightning Trainer of every training stage: hardware, precision, accumulation, clipping,
checkpoints.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
)

from train.config import TrainerConfig, under_slurm
from train.engine.batches import BatchPlan
from train.engine.checkpoint_files import settled_checkpoint, step_of
from train.engine.checkpoints import Checkpoints
from train.engine.hardware import precision, uses_gpu
from train.engine.loader import PlanLoader
from train.engine.module import StepMetrics, TrainedModule
from train.engine.offload import offload_of
from train.engine.portable import PortableIO
from train.engine.preemption import StopInTime
from train.engine.progress import StepProgress
from train.engine.rows import TrainingRows

WAIT = timedelta(hours=4)
"""How long ranks wait for one another: rank 0 measures the policy while the others stand at a
barrier."""


@dataclass(frozen=True, kw_only=True)
class Observers:
    """What looks on while a module is trained."""

    label: str
    """Of the line on a terminal that shows how far it is."""
    callbacks: Sequence[pl.Callback] = ()
    loggers: Sequence[Any] = ()
    """Lightning's, for the metrics of each step."""
    measured_within: Collection[int] = ()
    """Steps after each epoch's start at which a checkpoint is saved because the policy is measured
    there: a resumed run must not measure what comes after it."""


def world(config: TrainerConfig) -> tuple[int, int]:
    """(rank, number of ranks) of this process, known before any process group exists."""
    return (config.rank(os.environ), config.world_size) if config.world_size > 1 else (0, 1)


def batch_plan(
    rows: TrainingRows, config: TrainerConfig, *, global_batch_size: int, epochs: int, seed: int
) -> BatchPlan:
    """How `rows` are cut into steps and micro-batches."""
    return BatchPlan(
        lengths=rows.lengths,
        weights=rows.weights,
        padded=rows.batch_rows.why_padded is not None,
        global_batch_size=global_batch_size,
        micro_batch_tokens=config.micro_batch_tokens,
        world_size=world(config)[1],
        epochs=epochs,
        seed=seed,
        units=rows.units,
    )


def _environment() -> ClusterEnvironment | None:
    # Lightning's own requeue saves inside a signal handler, which can deadlock ranks; the batch
    # script requeues instead.
    return (
        SLURMEnvironment(auto_requeue=False) if under_slurm(os.environ) else LightningEnvironment()
    )


def _plugins(config: TrainerConfig) -> list[Any]:
    environment = [_environment()] if config.world_size > 1 or under_slurm(os.environ) else []
    # ZeroStrategy writes the same files itself, as no rank has everything.
    return environment if config.strategy == "deepspeed" else [*environment, PortableIO()]


def _strategy(config: TrainerConfig, clip: float, load: Callable[[], Any] | None) -> Any:
    if config.strategy == "deepspeed":
        # Importing DeepSpeed costs seconds.
        from train.engine.deepspeed_strategy import ZeroStrategy  # noqa: PLC0415

        return ZeroStrategy(
            stage=config.zero_stage,
            offload=offload_of(config),
            gradient_clip_norm=clip,
            autocast="bfloat16" if precision(config) == "bf16-mixed" else None,
            timeout=WAIT,
            load=load,
        )
    if config.world_size > 1 or config.strategy == "ddp":
        # Gradients live in the buckets that are sent: without it there are two copies of them.
        return pl.strategies.DDPStrategy(gradient_as_bucket_view=True, timeout=WAIT)
    return "auto"


def fit(
    module: TrainedModule,
    rows: TrainingRows,
    config: TrainerConfig,
    plan: BatchPlan,
    observers: Observers,
    *,
    work: Path,
    load: Callable[[], Any] | None = None,
) -> pl.Trainer:
    """Train for the epochs of the plan, going on from the checkpoint in `work` that rank 0 has
    settled on, where there is one.

    `load` is for a module whose model has no weights yet.
    """
    rank, _ = world(config)
    clip = module.optimisation.optimiser.gradient_clip_norm
    _quieten()
    checkpoints = Checkpoints(
        work / "checkpoints", config.checkpoint_every_steps, observers.measured_within
    )
    trainer = pl.Trainer(
        accelerator="gpu" if uses_gpu(config) else "cpu",
        devices=config.devices,
        num_nodes=config.num_nodes,
        strategy=_strategy(config, clip, load),
        precision="32-true" if config.strategy == "deepspeed" else precision(config),  # type: ignore[arg-type]
        plugins=_plugins(config),
        max_epochs=plan.epochs,
        accumulate_grad_batches=plan.accumulation,
        gradient_clip_val=clip,
        # The plan deals rows to ranks; Lightning would deal what is left once more.
        use_distributed_sampler=False,
        # Ours can be resumed with another strategy and another number of ranks.
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        logger=list(observers.loggers),
        default_root_dir=work,
        callbacks=[
            # Order counts: the line of metrics comes before the checkpoint that holds its step, and
            # the stop after both, since it saves through `checkpoints`.
            *observers.callbacks,
            StepMetrics(),
            StepProgress(observers.label, plan.epochs * plan.steps_per_epoch),
            checkpoints,
            StopInTime(checkpoints),
        ],
    )
    resume = settled_checkpoint(checkpoints.folder)
    trainer.fit(
        module,
        PlanLoader(plan, rank, rows.collate, ahead=uses_gpu(config)),
        ckpt_path=str(resume) if resume else None,
        # No pickle beyond tensors and plain values is read from a checkpoint.
        weights_only=True,
    )
    return trainer


def resumed_step(work: Path) -> int:
    """The optimiser step that a resumed stage goes on from; 0 for a fresh one."""
    checkpoint = settled_checkpoint(work / "checkpoints")
    return step_of(checkpoint.name) if checkpoint else 0


def _quieten() -> None:
    """Lightning's notices about hardware and data loaders say nothing that our own lines do not."""
    for name in (
        "pytorch_lightning",
        "lightning.pytorch",
        "lightning.fabric",
        "pytorch_lightning.utilities.rank_zero",
    ):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    # DeepSpeed still calls them so.
    warnings.filterwarnings("ignore", message=".*(all_gather_into|reduce_scatter)_tensor.*")
    warnings.filterwarnings("ignore", message=".*srun.*command is available.*")
    warnings.filterwarnings("ignore", message=".*module\\(s\\) in eval mode.*")
