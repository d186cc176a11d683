"""Where a training's metrics go: metrics.jsonl, and wandb where it is on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from eval.scoreboard_shape import read_scoreboard
from pipeline.recording.wandb_stage import resolved_config, tie
from pipeline.run.place import Place
from train.config import WandbConfig


def training_loggers(place: Place, config: WandbConfig, *, begins_run: bool) -> list[Any]:
    """This rank's, metrics.jsonl first; `begins_run` where no training of the run came before."""
    from train.engine.loggers import (
        JsonLinesLogger,
        forget_metrics_after,
        wandb_logger,
        wandb_mode,
        wandb_run_id,
    )
    from train.engine.trainer import resumed_step

    metrics = place.path / "metrics.jsonl"
    if place.rank == 0:
        # A killed training has logged steps behind its last checkpoint, which it now does again.
        measured = len(read_scoreboard(place.path / "scoreboard.jsonl"))
        for line in forget_metrics_after(metrics, resumed_step(place.work), measured):
            place.say(line)
    loggers: list[Any] = [JsonLinesLogger(metrics)]
    mode, why = wandb_mode(config)
    if place.rank == 0 and (mode != "disabled" or begins_run):
        place.say(f"wandb {mode} ({why})")
    # One recorder a run: each rank would open a run of its own.
    if place.rank:
        return loggers
    recorder = wandb_logger(
        config,
        folder=place.run,
        stage=place.name,
        run_name=place.run.name,
        run_id=wandb_run_id(place.work),
        settings=resolved_config(place.path),
    )
    return [*loggers, recorder] if recorder else loggers


def end_recording(
    folder: Path, stages: Iterable[str], config: WandbConfig, recorders: Sequence[Any]
) -> None:
    """The stages that were read and the epoch that was kept, into the run of the losses."""
    from train.engine.wandb_mode import wandb_mode

    for recorder in recorders:
        tie(recorder.experiment, folder, stages, wandb_mode(config)[0])
        recorder.experiment.finish()
