"""All stages in order."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from data_prep.artifacts import write_text
from data_prep.errors import PreemptedError, PrimumError
from pipeline.config import RunConfig, to_yaml
from pipeline.console import say
from pipeline.stage import run_stage
from pipeline.stages import load_stage, stage_names

WITHOUT_TORCH = {"release"}
"""Stages that start without its import, which takes a second."""


def run_one(name: str, config: RunConfig) -> None:
    if name not in WITHOUT_TORCH:
        _settle(config)
    stage = load_stage(name)
    rank = config.trainer.rank(os.environ) if config.trainer.world_size > 1 else 0
    if rank == 0 or stage.ranks or stage.shares:
        run_stage(stage, config, rank=rank)


def _settle(config: RunConfig) -> None:
    """Before a stage's module is loaded, whose libraries make tensors."""
    from train.hardware import use_cpu  # noqa: PLC0415  imports torch

    use_cpu(config.trainer)


def look_for_inputs(config: RunConfig) -> None:
    """What the stages read from outside the run must be there before the first one works; all that is not is said at once."""
    faults: list[str] = []
    for name in stage_names(config):
        try:
            load_stage(name).files(config)
        except PrimumError as error:
            faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise PrimumError(faults)


def run(config: RunConfig, arguments: list[str]) -> None:
    """Every stage that is not done. A stage on several ranks gets processes of its own, so that no process group outlives it."""
    started = time.monotonic()
    _settle(config)
    look_for_inputs(config)
    write_text(Path(config.run_dir) / "config.yaml", to_yaml(config))
    for name in stage_names(config):
        if load_stage(name).ranks and config.trainer.world_size > 1:
            command = [sys.executable, "-m", "pipeline.cli", name, *arguments]
            status = subprocess.run(command, env={**os.environ, "PRIMUM_IN_RUN": "1"}).returncode
            if status == PreemptedError.exit_code:
                raise PreemptedError(f"{name} stopped")
            if status:
                raise PrimumError(f"{name} stopped with exit code {status}; what it said is above. Run the same command again to go on")
        else:
            run_one(name, config)
    say("run", f"finished in {(time.monotonic() - started) / 60:.1f} min: {config.run_dir}")
