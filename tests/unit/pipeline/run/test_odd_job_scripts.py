"""A job script that no shell or no cluster could read is reported in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import arguments
from pipeline.run.job_script import read_job_script
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


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "1e400"])
def test_the_memory_of_a_gpu_is_a_number_above_0(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments.parser().parse_args(["check", "run.yaml", f"--gpu-gb={value}"])
    assert "wanted GB above 0 and at most 100000" in capsys.readouterr().err
