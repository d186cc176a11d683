"""All stages in order."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from pipeline.run import ranks
from pipeline.run.config import RunConfig, to_yaml
from pipeline.run.console import say
from pipeline.run.known_stages import KnownStages
from pipeline.run.stage_run import KEPT, run_stage
from pipeline.stages import load_stage, stage_names
from records.errors import ConfigError, PreemptedError, PrimumError, ResourceError
from records.stage_folder import write_text
from train.config import under_slurm

WITHOUT_TORCH = {"release"}
"""Stages that start without its import, which takes a second."""


def run_one(name: str, config: RunConfig) -> None:
    """One stage in this process, as one of its ranks."""
    if name not in WITHOUT_TORCH:
        settle(config)
    stage = load_stage(name)
    rank = ranks.own_rank(config.trainer)
    # Two kinds of stages use more than one rank; all others would write the same files twice.
    if rank == 0 or stage.ranks or stage.shares:
        run_stage(stage, config, rank=rank)
    else:
        say(name, f"rank {rank} has no work here: rank 0 does it alone")


def settle(config: RunConfig) -> None:
    """How this process computes: as a run's own stages do, so that the figures are the same.

    Raises ResourceError without the device.
    """
    _settle(config)
    _require_device(config)


def _settle(config: RunConfig) -> None:
    """Before a stage's module is loaded, whose libraries make tensors."""
    from train.engine.hardware import use_cpu  # noqa: PLC0415  imports torch

    use_cpu(config.trainer)


def _require_device(config: RunConfig) -> None:
    from train.engine.hardware import device_faults  # noqa: PLC0415  imports torch

    faults = device_faults(config.trainer)
    if faults:
        raise ResourceError(faults)


def leave_run(rank: int) -> None:
    """What a rank other than 0 does under `primum run`, which starts the ranks of each training
    itself: nothing.
    """
    say(
        "run",
        f"rank {rank} has no work here: rank 0 runs the stages and starts the ranks of each "
        "training itself",
    )


def _refuse_launcher(config: RunConfig) -> None:
    """Ranks on several nodes, or those that srun has started, can only be started with each
    stage.
    """
    # Under srun a child would take the launcher's ranks for its own.
    if config.trainer.world_size == 1 or not (
        under_slurm(os.environ) or config.trainer.num_nodes > 1
    ):
        return
    raise ConfigError(
        f"primum run on {config.trainer.world_size} ranks of {config.trainer.num_nodes} node(s): "
        "it is one process, which starts ranks on its own node only, and not under srun; run each "
        "stage by itself (slurm/pipeline.sh chains them), or set trainer.num_nodes and "
        "trainer.devices to 1"
    )


def run_alone(name: str, config: RunConfig) -> None:
    """One stage, by the only process of the run: it is known in no time whether it is done."""
    known = KnownStages(config)
    # Before torch is imported: a stage that is done answers at once.
    if known.is_kept(name):
        say(name, KEPT)
        return
    run_one(name, config)
    known.note(name)


def _do(name: str, config: RunConfig, arguments: list[str]) -> None:
    """A stage of `run`, in processes of its own where it trains on several ranks."""
    if config.trainer.world_size == 1 or not load_stage(name).ranks:
        run_one(name, config)
        return
    # The same words again, so that the child reads the same config; the variable tells it that the
    # lock is held.
    command = [sys.executable, "-m", "primum", name, *arguments]
    status = subprocess.run(command, env={**os.environ, "PRIMUM_IN_RUN": "1"}).returncode
    # Not an error: the whole run is to end as preempted, so that its job is queued again.
    if status == PreemptedError.exit_code:
        raise PreemptedError(f"{name} stopped")
    if status:
        raise PrimumError(
            f"{name} stopped with exit code {status}; what it said is above. Run the same command "
            "again to go on"
        )


def run(config: RunConfig, arguments: list[str]) -> None:
    """Every stage that is not done.

    A stage on several ranks gets processes of its own, so that no process group outlives it.
    """
    started = time.monotonic()
    _refuse_launcher(config)
    # After the refusal above, which still needs to know who started the process.
    ranks.forget_launcher()
    known = KnownStages(config)
    kept = known.kept()
    for name in kept:
        say(name, KEPT)
    left = [name for name in stage_names(config) if name not in kept]
    if set(left) - WITHOUT_TORCH:
        _settle(config)
        # Its libraries make tensors, which must be settled before.
        from pipeline.checks.preflight import require_sound  # noqa: PLC0415

        # Only where something is left to do: a finished run must not fail for a source that has
        # moved since.
        require_sound(config)
    # Before the first stage, as reports and gate read it there even of a run that was cut off.
    write_text(Path(config.run_dir) / "config.yaml", to_yaml(config))
    for name in left:
        _do(name, config, arguments)
        # After each stage and not at the end: a kill keeps what was noted.
        known.note(name)
    say("run", f"finished in {(time.monotonic() - started) / 60:.1f} min: {config.run_dir}")
