"""`primum plan`: the stages of a run in order, and the chain of Slurm jobs that does them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from pipeline.run.config import RunConfig
from pipeline.run.graph import policy_left_by, policy_title, stage_names
from pipeline.run.registry import ONE_TASK, STAGES, Job
from pipeline.run.rounds import parsed


@dataclass(frozen=True)
class PlannedJob:
    """Stages that one Slurm job does, one after the other; it begins when the job before it has
    done all of its own.
    """

    job: Job
    stages: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its last stage, whose result the next job waits for."""
        return self.stages[-1]


def planned_jobs(config: RunConfig) -> list[PlannedJob]:
    """Every stage of the run once, in order."""
    jobs: list[PlannedJob] = []
    for name in stage_names(config):
        job = STAGES[parsed(name)[0]].job
        # Short stages share a job: each submission waits in the queue anew.
        if jobs and jobs[-1].job == job == ONE_TASK:
            jobs[-1] = PlannedJob(job, (*jobs[-1].stages, name))
        else:
            jobs.append(PlannedJob(job, (name,)))
    return jobs


def slurm_lines(config: RunConfig) -> list[str]:
    """For slurm/pipeline.sh, a job a line: name, script, the variable with the user's options,
    stages.
    """
    found: list[str] = []
    for job in planned_jobs(config):
        found.append(" ".join((job.name, job.job.script, job.job.options, *job.stages)))
    return found


def seeds_lines(config: RunConfig, path: Path, overrides: list[str], count: int) -> list[str]:
    """The command that submits the run once a seed, as an array; a task's number is its seed."""
    # A task's number in the array is its seed, so that it needs no table of its own.
    last = config.seed + count - 1
    words = [str(path), *overrides]
    # shlex: a path or setting with a space must come out of the user's shell as one word.
    return [f"sbatch --array={config.seed}-{last} slurm/seeds.sh {shlex.join(words)}"]


def plan_lines(config: RunConfig) -> list[str]:
    """For people, a stage a line: its name, what it does, and the policy that it leaves."""
    names = stage_names(config)
    width = max(len(name) for name in names)
    made: list[str] = []
    for name in names:
        made.append(f"{name:<{width}}  {STAGES[parsed(name)[0]].help}{_left(name, config)}")
    return made


def _left(name: str, config: RunConfig) -> str:
    policy = policy_left_by(name, config)
    if policy is None or policy.starts_from is None:
        return ""
    control = f", a control of {policy_title(policy.control_of)}" if policy.control_of else ""
    return f"; leaves {policy.title}, from {policy_title(policy.starts_from)}{control}"
