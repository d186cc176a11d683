"""A job script that no shell or no cluster could read is reported in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import arguments
from pipeline.run.job_script import read_job_script
from pipeline.run.job_script_faults import script_faults
from records.errors import ConfigError


def script(folder: Path, text: str) -> Path:
    path = folder / "job.sh"
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    return path


def test_an_open_quote_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=(
            r"job.sh: got .*, wanted options that a shell can read \(No closing quotation\); mend"
            r" its quotes"
        ),
    ):
        read_job_script(script(tmp_path, "#SBATCH --comment='a"))


@pytest.mark.parametrize("count", ["²", "-1", "9" * 5000, "99999", "nan", ""])
def test_numbers_that_no_cluster_has_count_as_not_said(tmp_path: Path, count: str) -> None:
    job = read_job_script(
        script(
            tmp_path,
            f"#SBATCH --nodes={count}\n#SBATCH --ntasks-per-node={count}\n#SBATCH "
            f"--gpus-per-node={count}",
        )
    )
    assert (job.nodes, job.tasks_per_node, job.gpus_per_node) == (1, None, None)


@pytest.mark.parametrize("words", ["-N2 -t90", "-N 2 -t 90", "-N=2 -t=90", "--nodes=2 --time=90"])
def test_an_option_may_stand_in_each_of_the_ways_that_sbatch_reads(
    tmp_path: Path, words: str
) -> None:
    job = read_job_script(script(tmp_path, f"#SBATCH {words}"))
    assert job.nodes == 2
    assert job.options["--time"] == "90"


@pytest.mark.parametrize("signal", ["B:USR1@300", "RB:USR1@300", "BR:USR1@300"])
def test_a_signal_to_the_batch_shell_is_no_notice_to_the_stage(tmp_path: Path, signal: str) -> None:
    job = read_job_script(script(tmp_path, f"#SBATCH --signal={signal}"))
    faults = script_faults(job, gpu=False)
    assert any("tells the batch shell only" in fault for fault in faults)


def test_a_signal_to_the_steps_is_one(tmp_path: Path) -> None:
    job = read_job_script(script(tmp_path, "#SBATCH --signal=R:USR1@300"))
    assert not [fault for fault in script_faults(job, gpu=False) if "batch shell" in fault]


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "1e400"])
def test_the_memory_of_a_gpu_is_a_number_above_0(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments.parser().parse_args(["check", "run.yaml", f"--gpu-gb={value}"])
    assert "wanted GB above 0 and at most 100000" in capsys.readouterr().err
