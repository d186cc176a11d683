"""`primum run` is one process: other ranks leave, and what a launcher says to this one is not
handed on to the ranks that it starts.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.run import ranks
from pipeline.run.job_script import read_job_script
from pipeline.run.job_script_faults import script_faults
from records.errors import ConfigError
from train.config import TrainerConfig

VARIABLES = (
    *ranks.LAUNCHED,
    *ranks.LAUNCH,
    "SLURM_PROCID",
    "SLURM_NTASKS",
    "SLURM_JOB_NAME",
    "PRIMUM_IN_RUN",
)


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "run.yaml"
    path.write_text(
        f"run_dir: {tmp_path / 'run'}\nmodel: {{base: {{path: tiny}}}}\n", encoding="utf-8"
    )
    return path


@pytest.mark.parametrize(
    "launcher", [{"RANK": "1"}, {"LOCAL_RANK": "1"}, {"NODE_RANK": "1", "LOCAL_RANK": "0"}]
)
def test_another_rank_of_run_says_that_it_has_no_work_and_leaves_with_0(
    config_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    launcher: dict[str, str],
) -> None:
    for name, value in launcher.items():
        monkeypatch.setenv(name, value)
    nodes = ["trainer.num_nodes=2"] if "NODE_RANK" in launcher else []
    assert cli.main(["run", str(config_file), "trainer.devices=2", *nodes]) == 0
    assert "has no work here: rank 0 runs the stages" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_another_rank_of_a_stage_without_ranks_says_so(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert cli.main(["prep", str(config_file), "trainer.devices=2"]) == 0
    assert "rank 1 has no work here: rank 0 does it alone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "words"),
    [("one", "is no number"), ("7", "rank 7 in the environment"), ("-1", "rank -1")],
)
def test_a_rank_that_cannot_be_is_refused(
    config_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    value: str,
    words: str,
) -> None:
    monkeypatch.setenv("RANK", value)
    assert cli.main(["sft", str(config_file), "trainer.devices=2"]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "overrides"),
    [
        ({}, ["trainer.num_nodes=2"]),
        (
            {"SLURM_NTASKS": "2", "SLURM_PROCID": "0", "SLURM_JOB_NAME": "run"},
            ["trainer.devices=2"],
        ),
    ],
)
def test_run_on_ranks_that_it_cannot_start_is_refused(
    config_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    overrides: list[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["run", str(config_file), *overrides]) == 2
    assert "slurm/pipeline.sh chains them" in capsys.readouterr().err
    assert not list((tmp_path / "run").glob("*/run.json"))


def test_run_forgets_what_torchrun_told_it(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else stages would wait for the parts of ranks that have left."""
    monkeypatch.setenv("MASTER_PORT", "29500")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "7")
    ranks.forget_launcher()
    assert os.environ["MASTER_PORT"] == "29500"  # set by the user, as there is no rank
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("KEPT", "yes")
    assert ranks.share(0, TrainerConfig(devices=2)).world == 2
    ranks.forget_launcher()
    assert os.environ["KEPT"] == "yes"
    assert not set(os.environ) & {*ranks.LAUNCHED, "TORCHELASTIC_RUN_ID"}
    assert ranks.share(0, TrainerConfig(devices=2)).world == 1


def test_one_rank_ignores_what_is_left_in_the_environment(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "3")
    assert ranks.own_rank(TrainerConfig()) == 0
    with pytest.raises(ConfigError):
        ranks.own_rank(TrainerConfig(devices=2))


@pytest.mark.parametrize(("tasks", "faulty"), [(1, False), (2, True)])
def test_a_job_script_that_runs_all_stages_has_one_task(
    tmp_path: Path, tasks: int, faulty: bool
) -> None:
    script = tmp_path / "job.sh"
    script.write_text(
        f"#!/usr/bin/env bash\n#SBATCH --ntasks-per-node={tasks}\n#SBATCH --signal=USR1@300\n"
        "#SBATCH --open-mode=append\nprimum_step run CONFIG\n"
    )
    assert (
        any(
            "run is one process" in fault
            for fault in script_faults(read_job_script(script), gpu=False)
        )
        is faulty
    )
