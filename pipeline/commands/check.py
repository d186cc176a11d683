"""`primum check`: what would fail on the cluster, found on the login node in seconds, all at once,
each with its remedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from models.loading.footprint import shape_of
from models.loading.load import model_location
from pipeline.checks.installation import offload_faults
from pipeline.checks.preflight import Findings, preflight
from pipeline.checks.rendering import length_faults
from pipeline.checks.trial import trial
from pipeline.run.config import RunConfig
from pipeline.run.console import show
from pipeline.run.job_script import JobScript, read_job_script
from pipeline.run.job_script_faults import script_faults
from pipeline.run.needs import duration, room_faults
from records.errors import PrimumError
from records.licences import restrictions_of, sentences
from records.regular_files import odd_files
from records.rows import Demonstration
from train.config import TrainerConfig


def check(config: RunConfig, script: Path | None, gpu_gb: float) -> list[str]:
    """Lines that describe what the run will take.

    Raises PrimumError with every fault found, after it has shown what is known all the same: who
    mends a fault wants to know meanwhile whether memory and disk will do.
    """
    job, faults = _job(config, script)
    if job:
        # What the job asks for decides about memory and batch plans, not what the file says.
        config = replace(config, trainer=_on(job, config.trainer))
    found = preflight(config)
    found.add([*faults, *offload_faults(config)])
    lines = [*_described(found.rows)]
    if found.tried:
        more, said = length_faults(config, found.tried)
        found.add(more)
        lines += said
    lines += found.lines
    lines += _room(config, found, job, gpu_gb)
    lines += _tried(config, found)
    if found.faults:
        show(lines)
        raise PrimumError(found.faults)
    return lines


def _job(config: RunConfig, script: Path | None) -> tuple[JobScript | None, list[str]]:
    if script is None:
        return None, []
    try:
        job = read_job_script(script)
    except PrimumError as error:
        return None, error.faults
    return job, script_faults(job, gpu=config.trainer.accelerator == "gpu")


def _on(job: JobScript, trainer: TrainerConfig) -> TrainerConfig:
    """The trainer as slurm/env.sh sets it from the job."""
    return replace(trainer, num_nodes=job.nodes, devices=job.tasks_per_node or trainer.devices)


def _described(rows: Sequence[Demonstration]) -> list[str]:
    if not rows:
        return []
    suites, sources = len({row.suite for row in rows}), len({row.source for row in rows})
    return [
        f"{len(rows)} prompts in {suites} suites from {sources} sources",
        *(f"licences: {line}" for line in sentences(restrictions_of(list(rows)))),
    ]


def _room(config: RunConfig, found: Findings, job: JobScript | None, gpu_gb: float) -> list[str]:
    """What the run takes of GPUs, host and disk, and how long it trains; what is more than there is
    goes to the faults.
    """
    # Where weights are missing or cut off, the config still tells the shape.
    if found.network is None and not _shape_is_known(config):
        return [
            "memory and disk are not estimated: they follow from the model's shape, which the "
            f"config.json of {config.model.base.path} tells, and that cannot be used here; mend "
            "what is said of it: `primum fetch` brings a hub id's, and it needs no weights beside "
            "it"
        ]
    faults, lines = room_faults(config, job, gpu_gb)
    found.add(faults)
    trains = config.trainer.accelerator == "gpu" and (job is None or job.trains)
    # On a CPU no duration can be told, and without rows there are no lengths.
    if trains and not faults and found.tried and found.tried.rows:
        lines.append(duration(config, found.rows, [len(row.input_ids) for row in found.tried.rows]))
    return lines


def _shape_is_known(config: RunConfig) -> bool:
    try:
        folder = Path(model_location(config.model.base))
        # A FIFO in the place of config.json would hang its reader.
        if folder.is_dir() and odd_files(folder):
            return False
        shape_of(config.model.base, config.model.adapter)
    except Exception:  # transformers and remote code raise anything; the faults say what
        return False
    return True


def _tried(config: RunConfig, found: Findings) -> list[str]:
    """Two tokens, where nothing else is wrong with the model."""
    # The trial is the slowest check; with another fault its own message would only repeat that one.
    if found.faults or found.network is None or found.tokenizer is None or not found.rows:
        return []
    faults, lines = trial(
        config.model.base, found.network, found.tokenizer, [row.prompt for row in found.rows[:2]]
    )
    found.add(faults)
    return lines
