"""What made a stage's result: the settings, the code, the libraries and the machine."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.run.config import RunConfig, resolved
from records.stage_folder import SCHEMA_VERSION

LIBRARIES = (
    "primum",
    "torch",
    "transformers",
    "peft",
    "pytorch-lightning",
    "deepspeed",
    "datasets",
    "trl",
    "wandb",
    "omegaconf",
)


def run_record(config: RunConfig) -> dict[str, Any]:
    """What a stage's run.json says besides its fingerprint."""
    return {
        "schema_version": SCHEMA_VERSION,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["primum", *sys.argv[1:]]),
        "config": resolved(config),
        **code_state(),
        "versions": {
            "python": platform.python_version(),
            **{name: installed(name) for name in LIBRARIES},
        },
        "machine": machine(),
    }


def installed(name: str) -> str | None:
    """The version of a package; None where it is absent, as Primum itself is when it runs from a
    checkout on PYTHONPATH.
    """
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def code_state() -> dict[str, Any]:
    """Commit and whether the work tree differs from it; None outside a checkout."""

    def git(*arguments: str) -> str | None:
        # In the code's own folder: the user's current one may be another repository.
        here = Path(__file__).parent
        try:
            # A timeout: git on a slow network file system must not hold up a stage.
            result = subprocess.run(
                ["git", *arguments], cwd=here, capture_output=True, text=True, timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return result.stdout.strip() if result.returncode == 0 else None

    # Untracked files are left out: runs and data usually lie beside the code.
    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def machine() -> dict[str, Any]:
    """What ran it, without names of hosts or users."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in _lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        # Of the process and not of the machine: Slurm and containers give a part.
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory),
        "system": platform.system(),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
