"""Ranks as real processes over gloo, on one core each."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from file_module import module_of

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@pytest.fixture(scope="session")
def ranks_module() -> Any:
    """tests/distributed/ranks.py, for the one-rank cases that run in this process."""
    return module_of("distributed_ranks", HERE / "ranks.py")


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    # The project need not be installed: ranks find it, and what this process was given, on their
    # path.
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {
        **kept,
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "WANDB_MODE": "disabled",
        "DS_ACCELERATOR": "cpu",
        **more,
    }


@pytest.fixture(scope="session")
def run_ranks() -> Callable[..., str]:
    """Runs cases of ranks.py on some processes; returns rank 0's output."""

    def run(
        model: Path, out: Path, cases: list[str], *, ranks: int = 2, timeout: float = 900
    ) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        out.mkdir(parents=True, exist_ok=True)
        processes = []
        for rank in range(ranks):
            place = {
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
                "WORLD_SIZE": str(ranks),
                "NODE_RANK": "0",
                "LOCAL_RANK": str(rank),
            }
            command = [
                sys.executable,
                str(HERE / "ranks.py"),
                str(model),
                str(out),
                ",".join(cases),
            ]
            log = (out / f"rank{rank}.log").open("w")
            processes.append(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=environment(**place),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        try:
            statuses = [process.wait(timeout) for process in processes]
        finally:
            for process in processes:
                process.kill()
        logs = [(out / f"rank{rank}.log").read_text() for rank in range(ranks)]
        assert statuses == [0] * ranks, "\n".join(
            f"--- rank {rank}\n{text[-6000:]}" for rank, text in enumerate(logs)
        )
        return logs[0]

    return run


@pytest.fixture(scope="session")
def primum() -> Callable[..., str]:
    """The command line in a process of its own."""

    def run(*arguments: str, timeout: float = 600) -> str:
        command = [sys.executable, "-m", "pipeline.cli", *arguments]
        result = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=timeout
        )
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
        return result.stdout

    return run
