"""What a Slurm job script asks for."""

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


@dataclass(frozen=True)
class JobScript:
    path: Path
    options: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def number(self, name: str) -> int | None:
        """The value of an option that is a whole number; None where it is none."""
        value = self.options.get(name, "")
        return int(value) if _is_count(value) else None

    @property
    def nodes(self) -> int:
        """Nodes that it asks for."""
        return self.number("--nodes") or 1

    @property
    def tasks_per_node(self) -> int | None:
        """Tasks of a node; None where the script does not say."""
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
        """GPUs that a task gets."""
        # Several GPUs a task are no mistake where a policy only answers.
        return (self.gpus_per_node or 0) // (self.tasks_per_node or 1)

    @property
    def trains(self) -> bool:
        """Whether a stage of it trains, or the whole run does."""
        # By what the script starts, since its name is the user's own.
        names = "|".join(["run", "PRIMUM_STAGE", *trained_in_jobs()])
        return re.search(rf"primum_step\b[^\n]*\b({names})\b", self.body) is not None

    @property
    def memory_gb(self) -> float | None:
        """Of a node; None where the script leaves it to the partition, or asks for all (0)."""
        found = re.fullmatch(r"(\d+)([KMGT]?)B?", self.options.get("--mem", "").upper())
        if not found or int(found[1]) == 0:
            return None
        # Slurm's unit where none is given is the megabyte.
        return int(found[1]) * {"K": 1e-6, "": 1e-3, "M": 1e-3, "G": 1.0, "T": 1e3}[found[2]]


def read_job_script(path: Path) -> JobScript:
    """What the script asks sbatch for. Raises ConfigError where it cannot be read."""
    try:
        with open_regular(path) as file:
            # A limit, as a log that was named by mistake may have gigabytes.
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
            f"{path}: got {line[:80]!r}, wanted options that a shell can read ({error}); mend its "
            "quotes"
        ) from error


def _is_count(text: str) -> bool:
    """A whole number that no cluster exceeds; of a longer one nothing is known."""
    # str.isdigit takes digits of other scripts, which int would read and sbatch refuse.
    return text.isascii() and text.isdigit() and len(text) <= 4


def _attached(word: str) -> str:
    """`-N2`, which sbatch takes for `-N 2`, with a sign between."""
    short = word[:2]
    return f"{short}={word[2:]}" if short in ALIASES and word[2:3] not in ("", "=") else word


def _options(words: list[str]) -> dict[str, str]:
    # A later option replaces an earlier one, as sbatch reads them.
    found: dict[str, str] = {}
    while words:
        name, _, value = _attached(words.pop(0)).partition("=")
        if not value and words and not words[0].startswith("-"):
            value = words.pop(0)
        found[ALIASES.get(name, name)] = value
    return found
