"""`primum plan`: the chain of jobs is what the run does, and slurm/pipeline.sh submits it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.commands.plan import planned_jobs, slurm_lines
from pipeline.run.config import RunConfig
from pipeline.run.graph import stage_names
from train.config import ControlConfig, DpoConfig

SLURM = Path(__file__).resolve().parents[4] / "slurm"
WITHOUT_CONTROL = RunConfig(control=ControlConfig(enabled=False))
TWO_ROUNDS = RunConfig(dpo=DpoConfig(rounds=2))


@pytest.mark.parametrize(
    "config",
    [RunConfig(), WITHOUT_CONTROL, TWO_ROUNDS],
    ids=["plain", "without control", "two rounds"],
)
def test_every_stage_of_the_run_is_in_one_job_in_order(config: RunConfig) -> None:
    assert [stage for job in planned_jobs(config) for stage in job.stages] == stage_names(config)


def test_the_chain_of_two_rounds() -> None:
    assert slurm_lines(TWO_ROUNDS) == [
        "sample stages.sh STAGES_OPTIONS prep sample",
        "reward reward_harmfulness.sh REWARD_OPTIONS reward",
        "pairs stages.sh STAGES_OPTIONS score pairs",
        "sft sft_meditron.sh SFT_OPTIONS sft",
        "dpo dpo_meditron.sh DPO_OPTIONS dpo",
        "pairs_2 stages.sh STAGES_OPTIONS sample_2 score_2 pairs_2",
        "dpo_2 dpo_meditron.sh DPO_OPTIONS dpo_2",
        "sft_control sft_meditron.sh DPO_OPTIONS sft_control",
        "eval eval.sh EVAL_OPTIONS eval",
        "release stages.sh RELEASE_OPTIONS release",
    ]


def test_a_control_that_is_off_is_no_job() -> None:
    assert "sft_control" not in {job.name for job in planned_jobs(WITHOUT_CONTROL)}


def test_every_script_is_there() -> None:
    assert all((SLURM / job.job.script).is_file() for job in planned_jobs(TWO_ROUNDS))


def test_the_command_prints_the_stages_for_people_and_the_jobs_for_slurm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("dpo: {rounds: 2}\n")
    assert main(["plan", str(config), "control.enabled=false"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[5].endswith(
        "fine-tune on safe completions and benign replay; leaves SFT, from base"
    )
    assert (
        "dpo_2     preference optimisation from the SFT policy; leaves DPO, round 2, from DPO"
        in lines
    )
    assert main(["plan", str(config), "--slurm"]) == 0
    assert capsys.readouterr().out.splitlines() == slurm_lines(TWO_ROUNDS)


SBATCH = r"""#!/usr/bin/env bash
number=$(($(cat "$HERE/count" 2>/dev/null || echo 0) + 1)); echo $number >"$HERE/count"
echo "$PRIMUM_STAGES|$*" >>"$HERE/submitted"; echo $number
"""


@pytest.mark.process
def test_pipeline_sh_submits_what_plan_prints(tmp_path: Path) -> None:
    """A copy of slurm/, so that no virtual environment comes before the stand-ins for sbatch and
    primum.
    """
    shutil.copytree(SLURM, tmp_path / "slurm", ignore=shutil.ignore_patterns("site.sh"))
    for name, text in {
        "sbatch": SBATCH,
        "primum": '#!/usr/bin/env bash\necho "$*" >"$HERE/asked"; cat "$HERE/plan"\n',
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "plan").write_text(
        "pairs_2 stages.sh STAGES_OPTIONS sample_2 pairs_2\ndpo_2 dpo_meditron.sh DPO_OPTIONS "
        "dpo_2\n"
    )
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HERE": str(tmp_path),
        "DPO_OPTIONS": "--nodes=2 --mem=0",
    }
    command = ["bash", "slurm/pipeline.sh", "mine.yaml", "dpo.beta=0.2"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["pairs_2 is job 1", "dpo_2 is job 2"]
    assert (tmp_path / "asked").read_text().split() == [
        "plan",
        "--slurm",
        "mine.yaml",
        "dpo.beta=0.2",
    ]
    wait = "--kill-on-invalid-dep=yes"
    assert (tmp_path / "submitted").read_text().splitlines() == [
        (
            f"sample_2 pairs_2|--parsable --job-name=pairs_2 {wait} slurm/stages.sh mine.yaml "
            "dpo.beta=0.2"
        ),
        (
            f"dpo_2|--parsable --job-name=dpo_2 --dependency=afterok:1 {wait} --nodes=2 --mem=0 "
            "slurm/dpo_meditron.sh mine.yaml dpo.beta=0.2"
        ),
    ]
