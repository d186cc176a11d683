"""Where a training's metrics go: metrics.jsonl, and wandb where it is on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eval.scoreboard_shape import read_scoreboard
from pipeline.policy_recipe import Training
from pipeline.recording.wandb_stage import resolved_config, tie
from pipeline.run.stage import Context

if TYPE_CHECKING:
    pass


def training_loggers(context: Context, training: Training) -> list[Any]:
    """metrics.jsonl first, then wandb where it is on; rank 0 alone has it."""
    from train.engine.loggers import (
        JsonLinesLogger,
        forget_metrics_after,
        wandb_logger,
        wandb_mode,
        wandb_run_id,
    )
    from train.engine.trainer import resumed_step

    config = context.config
    metrics = context.path / "metrics.jsonl"
    if context.rank == 0:
        measured = len(read_scoreboard(context.path / "scoreboard.jsonl"))
        for line in forget_metrics_after(metrics, resumed_step(context.directory.work), measured):
            context.say(line)
    loggers: list[Any] = [JsonLinesLogger(metrics)]
    mode, why = wandb_mode(config.wandb)
    run_dir = context.path.parent
    if context.rank == 0 and (mode != "disabled" or training.began_with is None):
        context.say(f"wandb {mode} ({why})")
    if context.rank:
        return loggers
    run_id = wandb_run_id(context.directory.work)
    recorder = wandb_logger(
        config.wandb,
        folder=run_dir,
        stage=context.directory.name,
        run_name=run_dir.name,
        run_id=run_id,
        settings=resolved_config(context),
    )
    return [*loggers, recorder] if recorder else loggers


def end_recording(context: Context, recorders: Sequence[Any]) -> None:
    """The stages that were read and the epoch that was kept, into the run that the losses went
    to.
    """
    from train.engine.wandb_mode import wandb_mode

    for recorder in recorders:
        stages = dict.fromkeys(name.split("/")[0] for name in context.reads)
        tie(recorder.experiment, context, stages, wandb_mode(context.config.wandb)[0])
        recorder.experiment.finish()
