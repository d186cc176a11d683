"""One real two-node cluster for all tests of this folder, and jobs submitted to it as a user
does.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cluster import OVER, Cluster, missing  # type: ignore[import-not-found]

ROOT = Path(__file__).resolve().parents[2]
JOB_SECONDS = 600
Found = TypeVar("Found")


@dataclass(frozen=True)
class Site:
    """A folder that looks like a checkout, from which jobs are submitted."""

    folder: Path
    cluster: Cluster
    variables: dict[str, str]

    def call(self, *command: str | Path, **variables: str) -> str:
        return self.cluster.call(*map(str, command), cwd=self.folder, **self.variables, **variables)

    def submit(
        self, script: str, *arguments: str, options: tuple[str, ...] = (), **variables: str
    ) -> str:
        return self.call(
            "sbatch", "--parsable", *options, f"slurm/{script}", *arguments, **variables
        )

    def job(self, number: str) -> dict[str, str]:
        shown = self.call("scontrol", "-o", "show", "job", number)
        return dict(part.split("=", 1) for part in shown.split() if "=" in part)

    def wait(self, number: str) -> dict[str, str]:
        """The job once it is over, as scontrol shows it."""
        return self.until(
            lambda: (job := self.job(number))["JobState"] in OVER and job, f"job {number} is over"
        )

    def until(self, reached: Callable[..., Found | Literal[False]], what: str) -> Found:
        deadline = time.monotonic() + JOB_SECONDS
        while not (found := reached()):
            assert time.monotonic() < deadline, f"never came: {what}\n{self.logs()}"
            time.sleep(0.05)
        return found

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text()[-10_000:]}"
            for path in sorted((self.folder / "logs").glob("*.log"))
        )


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    lacking = missing()
    if lacking:
        why = (
            f"a real Slurm needs {', '.join(lacking)} (Debian: slurmctld slurmd slurm-client munge "
            "iproute2 util-linux)"
        )
        pytest.fail(why) if os.environ.get("PRIMUM_REQUIRE_TOOLS") else pytest.skip(why)
    with Cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture
def site(cluster: Cluster, tmp_path: Path) -> Iterator[Site]:
    for name in ("slurm", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "logs").mkdir()
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PRIMUM_CACHE": str(tmp_path / "cache"),
        "WANDB_MODE": "disabled",
        "OMP_NUM_THREADS": "1",
        "USER": "root",
    }
    yield Site(tmp_path, cluster, variables)
    cluster.call("scancel", "--state=PENDING", "--user=root", check=False)
    cluster.call("scancel", "--signal=KILL", "--full", "--user=root", check=False)


@pytest.fixture
def primum_here(site: Site) -> Callable[..., Path]:
    """Runs the tiny run's stages up to DPO in one process, without Slurm."""

    def run(run_dir: Path, *settings: str) -> Path:
        for stage in ("prep", "sample", "reward", "score", "pairs", "sft", "dpo"):
            site.call(
                sys.executable,
                "-m",
                "pipeline.cli",
                stage,
                "configs/tiny.yaml",
                f"run_dir={run_dir}",
                *settings,
            )
        return run_dir

    return run
