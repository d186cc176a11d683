"""A job that is told to stop in the middle of DPO, ranks out of step, ends as if it had never
been.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from cluster import OVER  # type: ignore[import-not-found]
from safetensors.torch import load_file

if TYPE_CHECKING:
    from tests.slurm.conftest import Site

pytestmark = pytest.mark.slow
SLOW = Path(__file__).parent / "slow_rank"
TRIES = int(os.environ.get("PRIMUM_TRIES", "1"))
"""More for a night: PRIMUM_TRIES=10 python -m pytest tests/slurm/test_preemption.py -k
told_to_stop"""
KILLS = int(os.environ.get("PRIMUM_KILLS", "3"))
"""More for a night: PRIMUM_KILLS=20 python -m pytest tests/slurm/test_preemption.py -k killed"""
EVERY_STEP = ("trainer.checkpoint_every_steps=1",)
TWO_NODES = ("--nodes=2", "--ntasks-per-node=1")
SETTINGS = (
    "trainer.accelerator=cpu",
    "trainer.strategy=deepspeed",
    "trainer.zero_stage=2",
    "trainer.checkpoint_every_steps=1000",
    "sft.global_batch_size=8",
    "dpo.global_batch_size=4",
    "dpo.epochs=2",
)


@pytest.fixture(scope="module")
def before_dpo(
    tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path
) -> tuple[Path, list[str]]:
    """A run directory up to SFT, and the arguments that describe it; both runs of every test start
    from copies.
    """
    folder = tmp_path_factory.mktemp("before") / "run"
    root = Path(__file__).resolve().parents[2]
    arguments = ["configs/tiny.yaml", f"model.base.path={tiny_directory}", *SETTINGS]
    environment = {**os.environ, "WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1"}
    for stage in ("prep", "sample", "reward", "score", "pairs", "sft"):
        command = [sys.executable, "-m", "pipeline.cli", stage, *arguments, f"run_dir={folder}"]
        subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    return folder, arguments


def steps_taken(run_dir: Path) -> int:
    metrics = run_dir / "dpo" / "metrics.jsonl"
    return metrics.read_bytes().count(b"\n") if metrics.is_file() else 0


@pytest.fixture
def dpo(
    site: Site, before_dpo: tuple[Path, list[str]], tmp_path: Path
) -> Callable[..., tuple[str, Path]]:
    """Submits DPO on two nodes over a copy of the run; gives (job number, run directory)."""
    folder, arguments = before_dpo

    def submit(
        name: str, *options: str, settings: tuple[str, ...] = (), **variables: str
    ) -> tuple[str, Path]:
        run_dir = tmp_path / name
        if not run_dir.exists():
            shutil.copytree(folder, run_dir)
        variables = {"PYTHONPATH": str(SLOW), "SLOW_RANK": "1", **variables}
        return site.submit(
            "dpo_meditron.sh",
            *arguments,
            *settings,
            f"run_dir={run_dir}",
            options=(*TWO_NODES, *options),
            **variables,
        ), run_dir

    return submit


@pytest.fixture(scope="module")
def wanted() -> dict[str, Any]:
    """What an uninterrupted run leaves; filled by the first test that needs it."""
    return {}


@pytest.fixture
def uninterrupted(
    dpo: Callable[..., tuple[str, Path]], site: Site, wanted: dict[str, Any]
) -> dict[str, Any]:
    if not wanted:
        number, run_dir = dpo("whole", SLOW_RANK="none")
        assert site.wait(number)["JobState"] == "COMPLETED", site.logs()
        wanted.update(results(run_dir))
    return wanted


def results(run_dir: Path) -> dict[str, Any]:
    return {
        "metrics": [
            json.loads(line)
            for line in (run_dir / "dpo" / "metrics.jsonl").read_text().splitlines()
        ],
        "policy": load_file(run_dir / "dpo" / "policy" / "model.safetensors"),
    }


def assert_same(got: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert got["metrics"] == wanted["metrics"]
    assert [
        name
        for name, tensor in wanted["policy"].items()
        if not torch.equal(got["policy"][name], tensor)
    ] == []


@pytest.mark.parametrize("told_by", ["USR1", "requeue"])
@pytest.mark.parametrize("after", range(3, 3 + TRIES))
def test_a_job_told_to_stop_saves_runs_again_and_ends_with_the_same_losses_and_weights(
    told_by: str,
    after: int,
    dpo: Callable[..., tuple[str, Path]],
    site: Site,
    uninterrupted: dict[str, Any],
) -> None:
    number, run_dir = dpo("stopped")
    site.until(lambda: steps_taken(run_dir) >= after, f"row {after} of DPO's metrics")
    if told_by == "USR1":
        site.call("scancel", "--signal=USR1", number)
    else:
        site.call("scontrol", "requeue", number)
    job = site.wait(number)
    assert job["JobState"] == "COMPLETED", site.logs()
    assert int(job["Restarts"]) == 1
    log = site.logs()
    assert (
        f"stopped in time (SIG{'USR1' if told_by == 'USR1' else 'TERM'}, saved at step"
        in log.replace("notice to another rank", "SIGTERM")
    )
    assert "was cut off; going on from there" in log
    assert_same(results(run_dir), uninterrupted)


def test_a_job_near_its_time_limit_saves_without_a_signal(
    dpo: Callable[..., tuple[str, Path]], site: Site, uninterrupted: dict[str, Any]
) -> None:
    """A minute, the least that Slurm knows, is as good as over; env.sh tells it to the stage.

    CONT, which does nothing, is sent in place of USR1.
    """
    number, run_dir = dpo("limited", "--time=1", "--signal=CONT@1")
    site.until(
        lambda: "stopped in time (time limit, saved at step" in site.logs(),
        "the time limit is near",
    )
    site.call("scontrol", "update", f"JobId={number}", "TimeLimit=60")
    assert site.wait(number)["JobState"] == "COMPLETED", site.logs()
    assert_same(results(run_dir), uninterrupted)


def test_where_requeue_is_off_a_copy_of_the_job_takes_its_place_in_the_chain(
    dpo: Callable[..., tuple[str, Path]], site: Site, uninterrupted: dict[str, Any]
) -> None:
    number, run_dir = dpo("copied", "--no-requeue")
    waits = site.call(
        "sbatch",
        "--parsable",
        f"--dependency=afterok:{number}",
        "--wrap",
        f"test -e {run_dir}/dpo/manifest.json",
    )
    site.until(lambda: steps_taken(run_dir) >= 3, "the third step of DPO")
    site.call("scancel", "--signal=USR1", number)
    assert site.wait(number)["ExitCode"] == "75:0"
    assert site.wait(waits)["JobState"] == "COMPLETED", site.logs()
    assert_same(results(run_dir), uninterrupted)


def test_signals_while_it_still_starts_kill_nothing(
    dpo: Callable[..., tuple[str, Path]], site: Site, uninterrupted: dict[str, Any]
) -> None:
    """From the first moment of the command on, through all imports: without care SIGUSR1 kills a
    process that has no handler yet.
    """
    number, run_dir = dpo("early")
    site.until(lambda: tasks(run_dir), "a task runs")
    started = time.monotonic()
    site.until(
        lambda: (
            site.call("scancel", "--signal=USR1", number) == "" and time.monotonic() - started > 2
        ),
        "signals are sent",
    )
    assert site.wait(number)["JobState"] == "COMPLETED", site.logs()
    assert_same(results(run_dir), uninterrupted)


def test_ranks_killed_at_random_points_cost_only_the_steps_since_the_last_checkpoint(
    dpo: Callable[..., tuple[str, Path]], site: Site, uninterrupted: dict[str, Any]
) -> None:
    """kill -9 of one rank or of both, saving included, as checkpoints are written at every step;
    then the job is submitted again.
    """
    points = random.Random(0)
    lost: list[str] = []
    for _ in range(KILLS):
        number, run_dir = dpo("killed", settings=EVERY_STEP)
        before = steps_taken(run_dir)
        site.until(
            lambda n=number, d=run_dir, b=before: (
                steps_taken(d) > b or site.job(n)["JobState"] in OVER
            ),
            "training goes on",
        )
        # The first kill is never too late, however fast the machine.
        moment = time.monotonic() + (points.uniform(0, 2) if lost else 0)
        site.until(lambda m=moment: time.monotonic() > m, "the moment to kill")
        ranks = tasks(run_dir)
        for pid in ranks if points.random() < 0.5 else ranks[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        state = site.wait(number)["JobState"]
        lost.append(state)
        if state == "COMPLETED":
            shutil.rmtree(run_dir)  # the kill came too late; the next one gets a fresh run
    assert "FAILED" in lost, (lost, site.logs())
    number, run_dir = dpo("killed", settings=EVERY_STEP)
    assert site.wait(number)["JobState"] == "COMPLETED", site.logs()
    assert_same(results(run_dir), uninterrupted)


def tasks(run_dir: Path) -> list[int]:
    """Processes of the stage's ranks, as this machine numbers them."""
    return [
        pid
        for pid, line in command_lines().items()
        if "/primum dpo " in line and str(run_dir) in line
    ]


def command_lines() -> dict[int, str]:
    lines = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # ended meanwhile
            lines[int(path.parent.name)] = (
                path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
    return lines
