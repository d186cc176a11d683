"""Which rank this process is, as each launcher says it, before there is a process group."""

from __future__ import annotations

import pytest
from pytorch_lightning.plugins.environments import SLURMEnvironment

from train.config import TrainerConfig, under_slurm

SRUN = {
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_NAME": "dpo",
    "SLURM_NTASKS": "8",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
}


@pytest.mark.parametrize(
    ("environment", "rank"),
    [
        ({}, 0),
        (SRUN, 5),
        # Left over from the shell that submitted the job.
        (
            {**SRUN, "RANK": "2", "LOCAL_RANK": "3"},
            5,
        ),
        ({"RANK": "6", "LOCAL_RANK": "2", "GROUP_RANK": "1"}, 6),  # torchrun
        ({"LOCAL_RANK": "3"}, 3),  # Lightning's own children on one node
        ({"LOCAL_RANK": "3", "NODE_RANK": "1"}, 7),  # and on the second of two
        ({**SRUN, "SLURM_JOB_NAME": "bash"}, 0),  # a shell inside a job
    ],
)
def test_the_rank_is_what_the_launcher_says(environment: dict[str, str], rank: int) -> None:
    assert TrainerConfig(devices=4, num_nodes=2).rank(environment) == rank


@pytest.mark.parametrize(
    "environment",
    [
        {},
        SRUN,
        {**SRUN, "SLURM_JOB_NAME": "bash"},
        {**SRUN, "SLURM_JOB_NAME": "interactive"},
        {"SLURM_JOB_ID": "7"},
    ],
)
def test_slurm_is_told_by_the_signs_that_lightning_goes_by(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SRUN:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert under_slurm(environment) == SLURMEnvironment.detect()
