"""What is wrong with a Slurm job script before it is queued."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.run.job_script import JobScript

_TIME = re.compile(r"(\d+-)?\d+(:\d+){0,2}")


def script_faults(script: JobScript, *, gpu: bool) -> list[str]:
    """What would make the job fail, or lose work, whatever the model is."""
    return [
        *_starting_faults(script),
        *_task_faults(script, gpu=gpu),
        *_time_and_log_faults(script),
        *_stopping_faults(script),
    ]


def _starting_faults(script: JobScript) -> list[str]:
    where, faults = script.path, []
    if not script.path.read_text(encoding="utf-8").startswith("#!"):
        faults.append(
            f"{where}: its first line is no #!; sbatch refuses it. Begin with #!/usr/bin/env bash"
        )
    if "primum_step" not in script.body and "srun" not in script.body:
        faults.append(
            f"{where}: starts no ranks: no primum_step and no srun in it; see slurm/dpo_meditron.sh"
        )
    return faults


def _task_faults(script: JobScript, *, gpu: bool) -> list[str]:
    """Of the tasks and GPUs that it asks for."""
    where, faults = script.path, []
    if script.tasks_per_node is None:
        faults.append(
            f"{where}: got no --ntasks-per-node; wanted one task a GPU, as in #SBATCH "
            "--ntasks-per-node=4"
        )
    elif gpu and script.gpus_per_node is None:
        faults.append(
            f"{where}: trainer.accelerator is gpu but no GPU is asked for; add #SBATCH "
            f"--gpus-per-node={script.tasks_per_node}"
        )
    # A training rank uses one GPU; more would stand idle, and are paid for.
    elif gpu and script.trains and script.gpus_per_node != script.tasks_per_node:
        faults.append(
            f"{where}: got --ntasks-per-node={script.tasks_per_node} and {script.gpus_per_node} "
            "GPUs a node; wanted one task a GPU, make them equal"
        )
    elif gpu and script.gpus_per_task < 1:
        faults.append(
            f"{where}: got {script.gpus_per_node} GPUs a node for "
            f"--ntasks-per-node={script.tasks_per_node}; wanted one a task, or several, over which "
            "a policy is spread that one cannot hold"
        )
    if (
        re.search(r"primum_step\s+run\b", script.body)
        and script.nodes * (script.tasks_per_node or 1) > 1
    ):
        faults.append(
            f"{where}: primum_step run on {script.nodes * (script.tasks_per_node or 1)} tasks: run "
            "is one process, which cannot use ranks that srun starts; ask for one task "
            "(slurm/seeds.sh), or chain the stages with slurm/pipeline.sh"
        )
    return faults


def _time_and_log_faults(script: JobScript) -> list[str]:
    where, options, faults = script.path, script.options, []
    if not _TIME.fullmatch(options.get("--time", "1")):
        faults.append(
            f"{where}: --time={options['--time']}: wanted minutes, hours:minutes:seconds or "
            "days-hours"
        )
    if options.get("--open-mode") != "append":
        faults.append(
            f"{where}: a requeued job would empty its log; add #SBATCH --open-mode=append"
        )
    if "--output" in options:
        folder = Path(options["--output"]).parent
        # A folder with %j in its name is not known before the job runs.
        if "%" not in str(folder) and not folder.is_dir():
            faults.append(
                f"{where}: --output={options['--output']}: {folder}/ is not there, and Slurm makes "
                f"no folders; mkdir -p {folder}"
            )
    return faults


def _stopping_faults(script: JobScript) -> list[str]:
    """Whether the stage hears that it must stop, and the job runs again afterwards."""
    where, options, faults = script.path, script.options, []
    if "--signal" not in options:
        faults.append(f"{where}: no notice before the time limit; add #SBATCH --signal=USR1@300")
    # Slurm's B signals the batch shell, which waits for srun and tells nobody; R may stand with it.
    elif "B" in options["--signal"].rpartition(":")[0].upper():
        faults.append(
            f"{where}: --signal={options['--signal']} tells the batch shell only; leave out B so "
            "that the stage hears it"
        )
    if "--no-requeue" in options:
        faults.append(
            f"{where}: --no-requeue: a job that was stopped in time could not run again by itself; "
            "use --requeue"
        )
    return faults
