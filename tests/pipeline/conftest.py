"""The real command in a process of its own, and one finished run that the tests share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from records.rows import read_json_lines
from records.stage_folder import read_json

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "configs" / "tiny.yaml"
SETTINGS = ("sft.epochs=2", "trainer.checkpoint_every_steps=1", "sample.generation.batch_size=4")
"""More places to be killed at than configs/tiny.yaml has; all runs that are compared share them."""
COUNTED = ROOT / "tests" / "support" / "counted_primum.py"
LIMIT_S = 900

Primum = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**changes: str) -> dict[str, str]:
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("WANDB_", "SLURM_")) and k not in ("RANK", "LOCAL_RANK", "WORLD_SIZE")
    }
    return {
        **kept,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        **changes,
    }


def command(*arguments: str | Path, counts: Path | None = None) -> list[str]:
    """`primum ARGUMENTS`; what it reads of models goes to `counts` where that is given."""
    program = ["-m", "pipeline.cli"] if counts is None else [str(COUNTED), str(counts)]
    return [sys.executable, *program, *map(str, arguments)]


@pytest.fixture(scope="session")
def primum() -> Primum:
    """Runs `primum ARGUMENTS` to its end."""

    def run(
        *arguments: str | Path,
        prefix: tuple[str, ...] = (),
        counts: Path | None = None,
        **changes: str,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, *command(*arguments, counts=counts)],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            env=environment(**changes),
            cwd=ROOT,
        )

    return run


@pytest.fixture(scope="session")
def tools() -> tuple[Callable[..., dict[str, str]], Callable[..., list[str]]]:
    """(environment, command) for tests that start a process and do not wait for it."""
    return environment, command


@pytest.fixture(scope="session")
def offline() -> tuple[str, ...]:
    """A prefix that takes the network away (but for the loopback), where the system permits that;
    else nothing.
    """
    prefix = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    try:
        permitted = (
            subprocess.run(
                [*prefix, "true"], capture_output=True, timeout=30, check=False
            ).returncode
            == 0
        )
    except OSError:
        permitted = False
    return prefix if permitted else ()


@pytest.fixture(scope="session")
def tiny_run(tiny_directory: Path) -> Callable[..., list[str]]:
    """Arguments that describe the tiny run in a directory."""

    def arguments(run_dir: Path, *overrides: str) -> list[str]:
        return [
            str(TINY),
            f"model.base.path={tiny_directory}",
            f"run_dir={run_dir}",
            *SETTINGS,
            *overrides,
        ]

    return arguments


@pytest.fixture(scope="session")
def finished(
    made_once: Callable[[str, Callable[[Path], None]], Path],
    primum: Primum,
    offline: tuple[str, ...],
    tiny_run: Callable[..., list[str]],
) -> Path:
    """A whole run, made once, without a network. Read it; copy it to change it."""

    def fill(folder: Path) -> None:
        result = primum(
            "run", *tiny_run(folder / "whole"), prefix=offline, counts=folder / "reads.json"
        )
        assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]

    return made_once("finished", fill) / "whole"


@pytest.fixture
def copy_of(finished: Path, tmp_path: Path) -> Callable[[], Path]:
    return lambda: Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.fixture(scope="session")
def evidence() -> Callable[[Path], dict[str, Any]]:
    """Everything of a run that must not depend on how often it was cut off."""

    def read(run_dir: Path) -> dict[str, Any]:
        results = read_json(run_dir / "eval" / "results.json")
        rows = [
            "sample/completions.train",
            "sample/completions.val",
            "score/scores",
            "pairs/pairs.train",
            "sft/scoreboard",
            "dpo/scoreboard",
            "eval/completions",
            "eval/scores",
        ]
        return {
            **{
                name: [row for _, row in read_json_lines(run_dir / f"{name}.jsonl")]
                for name in rows
            },
            **{
                f"{stage}/steps": _steps(run_dir / stage / "metrics.jsonl")
                for stage in ("reward", "sft", "dpo", "sft_control")
            },
            "weights": {
                stage: (run_dir / stage / "policy" / "model.safetensors").read_bytes()
                for stage in ("sft", "dpo", "sft_control")
            },
            "results": {
                key: results[key] for key in ("policies", "comparisons", "validation", "scoreboard")
            },
        }

    return read


def _steps(metrics: Path) -> list[dict[str, Any]]:
    """Rows of optimiser steps; what a clock says is left out."""
    rows = [row for _, row in read_json_lines(metrics) if "loss" in row]
    return [
        {key: value for key, value in row.items() if "second" not in key and "time" not in key}
        for row in rows
    ]
