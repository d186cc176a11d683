"""What a Slurm job script asks for, and what is wrong with it before it is queued."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.run.graph import trained_in_jobs
from records.errors import ConfigError
from records.regular_files import open_regular

ALIASES = {
    "-N": "--nodes",
    "-n": "--ntasks",
    "-t": "--time",
    "-J": "--job-name",
    "-o": "--output",
    "-c": "--cpus-per-task",
    "-p": "--partition",
}
MOST_BYTES = 1_000_000
"""Of a script that are read."""
_TIME = re.compile(r"(\d+-)?\d+(:\d+){0,2}")


@dataclass(frozen=True)
class JobScript:
    path: Path
    options: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def number(self, name: str) -> int | None:
        value = self.options.get(name, "")
        return int(value) if _is_count(value) else None

    @property
    def nodes(self) -> int:
        return self.number("--nodes") or 1

    @property
    def tasks_per_node(self) -> int | None:
        return self.number("--ntasks-per-node")

    @property
    def gpus_per_node(self) -> int | None:
        """As --gpus-per-node or --gres=gpu asks, a type in between or not."""
        asked = self.options.get("--gpus-per-node") or self.options.get("--gres", "").removeprefix(
            "gpu:"
        )
        count = asked.rsplit(":", 1)[-1]
        return int(count) if _is_count(count) else None

    @property
    def gpus_per_task(self) -> int:
        return (self.gpus_per_node or 0) // (self.tasks_per_node or 1)

    @property
    def trains(self) -> bool:
        """Whether a stage of it trains, or the whole run does."""
        names = "|".join(["run", "PRIMUM_STAGE", *trained_in_jobs()])
        return re.search(rf"primum_step\b[^\n]*\b({names})\b", self.body) is not None

    @property
    def memory_gb(self) -> float | None:
        """Of a node; None where the script leaves it to the partition, or asks for all (0)."""
        found = re.fullmatch(r"(\d+)([KMGT]?)B?", self.options.get("--mem", "").upper())
        if not found or int(found[1]) == 0:
            return None
        return int(found[1]) * {"K": 1e-6, "": 1e-3, "M": 1e-3, "G": 1.0, "T": 1e3}[found[2]]


def read_job_script(path: Path) -> JobScript:
    try:
        with open_regular(path) as file:
            text = file.read(MOST_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: no job script can be read there; name one of slurm/*.sh"
        ) from error
    options: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("#SBATCH"):
            options |= _options(_words(path, line))
        elif line.strip() and not line.startswith("#"):
            break  # sbatch reads options up to the first command
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return JobScript(path, options, body)


def _words(path: Path, line: str) -> list[str]:
    try:
        return shlex.split(line.removeprefix("#SBATCH"), comments=True)
    except ValueError as error:
        raise ConfigError(
            f"{path}: got {line[:80]!r}, wanted options that a shell can read ({error}); mend its quotes"
        ) from error


def _is_count(text: str) -> bool:
    """A whole number that no cluster exceeds; of a longer one nothing is known."""
    return text.isascii() and text.isdigit() and len(text) <= 4


def _options(words: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    while words:
        name, _, value = words.pop(0).partition("=")
        if not value and words and not words[0].startswith("-"):
            value = words.pop(0)
        found[ALIASES.get(name, name)] = value
    return found


def script_faults(script: JobScript, *, gpu: bool) -> list[str]:
    """What would make the job fail, or lose work, whatever the model is."""
    where, options, faults = script.path, script.options, []
    if not script.path.read_text(encoding="utf-8").startswith("#!"):
        faults.append(
            f"{where}: its first line is no #!; sbatch refuses it. Begin with #!/usr/bin/env bash"
        )
    if "primum_step" not in script.body and "srun" not in script.body:
        faults.append(
            f"{where}: starts no ranks: no primum_step and no srun in it; see slurm/dpo_meditron.sh"
        )
    if script.tasks_per_node is None:
        faults.append(
            f"{where}: got no --ntasks-per-node; wanted one task a GPU, as in #SBATCH --ntasks-per-node=4"
        )
    elif gpu and script.gpus_per_node is None:
        faults.append(
            f"{where}: trainer.accelerator is gpu but no GPU is asked for; add #SBATCH --gpus-per-node={script.tasks_per_node}"
        )
    elif gpu and script.trains and script.gpus_per_node != script.tasks_per_node:
        faults.append(
            f"{where}: got --ntasks-per-node={script.tasks_per_node} and {script.gpus_per_node} GPUs a node; wanted one task a GPU, make them equal"
        )
    elif gpu and script.gpus_per_task < 1:
        faults.append(
            f"{where}: got {script.gpus_per_node} GPUs a node for --ntasks-per-node={script.tasks_per_node}; wanted one a task, or several, over which "
            "a policy is spread that one cannot hold"
        )
    if (
        re.search(r"primum_step\s+run\b", script.body)
        and script.nodes * (script.tasks_per_node or 1) > 1
    ):
        faults.append(
            f"{where}: primum_step run on {script.nodes * (script.tasks_per_node or 1)} tasks: run is one process, which cannot use ranks that "
            "srun starts; ask for one task (slurm/seeds.sh), or chain the stages with slurm/pipeline.sh"
        )
    if not _TIME.fullmatch(options.get("--time", "1")):
        faults.append(
            f"{where}: --time={options['--time']}: wanted minutes, hours:minutes:seconds or days-hours"
        )
    if options.get("--open-mode") != "append":
        faults.append(
            f"{where}: a requeued job would empty its log; add #SBATCH --open-mode=append"
        )
    if "--output" in options:
        folder = Path(options["--output"]).parent
        if "%" not in str(folder) and not folder.is_dir():
            faults.append(
                f"{where}: --output={options['--output']}: {folder}/ is not there, and Slurm makes no folders; mkdir -p {folder}"
            )
    if "--signal" not in options:
        faults.append(f"{where}: no notice before the time limit; add #SBATCH --signal=USR1@300")
    elif options["--signal"].startswith("B:"):
        faults.append(
            f"{where}: --signal={options['--signal']} tells the batch shell only; leave out B: so that the stage hears it"
        )
    if "--no-requeue" in options:
        faults.append(
            f"{where}: --no-requeue: a job that was stopped in time could not run again by itself; use --requeue"
        )
    return faults
