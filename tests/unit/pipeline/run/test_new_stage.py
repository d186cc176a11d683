"""A new stage is one file and one line of registration: help, check, plan, comparisons, export and release know it then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline.stages
from eval.results import compared
from pipeline.arguments import parser
from pipeline.checks.inputs import input_faults
from pipeline.commands.plan import plan_lines, slurm_lines
from pipeline.run.config import RunConfig, load_config
from pipeline.run.graph import compared_policies, trainings
from pipeline.run.registry import STAGES, Job, Registered
from pipeline.run.stage import run_stage
from pipeline.stages import load_stage
from records.contracts import Policy
from records.stage_folder import StageDirectory, write_text

FILE = '''"""rlhf: online, from the last policy."""

import shutil
from pathlib import Path

from pipeline.policies import MODEL
from pipeline.run.stage import Stage
from records.errors import RecordError
from records.run_files import BEFORE, POLICY


def work(context):
    shutil.copytree(context.input(POLICY.left_by(BEFORE)), context.path / POLICY.name)
    return {"beta": context.config.dpo.beta}


def files(config):
    wanted = Path(config.run_dir) / "instructions.txt"
    if not wanted.is_file():
        raise RecordError(f"{wanted}: no such file; write the instructions of rlhf there")
    return {str(wanted): wanted.read_text()}


STAGE = Stage(
    name="rlhf",
    reads=(POLICY.left_by(BEFORE),),
    writes=(POLICY,),
    settings=(*MODEL, "dpo.beta"),
    files=files,
    work=work,
)
'''
LINE = Registered("rlhf", "online, under a constraint", Job("dpo_meditron.sh", "RLHF_OPTIONS"), leaves=Policy("rlhf", "RLHF", "dpo"))


@pytest.fixture
def config(tmp_path, monkeypatch) -> Iterator[RunConfig]:
    """A run with the stage, which stands before eval."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "rlhf.py").write_text(FILE)
    monkeypatch.setattr(pipeline.stages, "__path__", [*pipeline.stages.__path__, str(tmp_path / "stages")])
    before = dict(STAGES)
    listed = list(before)
    listed.insert(listed.index("eval"), "rlhf")
    STAGES.clear()
    STAGES.update({name: before.get(name, LINE) for name in listed})
    (tmp_path / "run.yaml").write_text(f"run_dir: {tmp_path / 'run'}\nmodel: {{base: {{path: tiny}}}}\n")
    yield load_config(tmp_path / "run.yaml", ["release.policy=rlhf"])
    STAGES.clear()
    STAGES.update(before)


def test_the_file_is_short():
    assert len(FILE.splitlines()) < 40


def test_help_export_plan_and_comparisons_know_it(config):
    assert "online, under a constraint" in parser().format_help()
    assert parser().parse_args(["rlhf", "run.yaml"]).command == "rlhf"
    assert "rlhf" in trainings(1)
    assert any(line.endswith("online, under a constraint; leaves RLHF, from DPO") for line in plan_lines(config))
    assert "rlhf dpo_meditron.sh RLHF_OPTIONS rlhf" in slurm_lines(config)
    assert {("rlhf", "base"), ("rlhf", "dpo")} <= set(compared(compared_policies(config)))
    assert {"rlhf"} <= set(load_stage("eval").inputs(config)) & set(load_stage("release").inputs(config))


def test_check_asks_it_for_its_files(config):
    assert [fault for fault in input_faults(config) if "write the instructions of rlhf there" in fault]


def test_it_works_on_the_policy_that_it_starts_from_and_is_kept(config, capsys):
    run_dir = Path(config.run_dir)
    dpo = StageDirectory(run_dir / "dpo")
    dpo.begin({"fingerprint": "f"})
    write_text(dpo.path / "policy" / "config.json", "{}")
    dpo.finish({})
    (run_dir / "instructions.txt").write_text("Be safe.")
    assert run_stage(load_stage("rlhf"), config)
    assert (run_dir / "rlhf" / "policy" / "config.json").read_text() == "{}"
    assert not run_stage(load_stage("rlhf"), config)
    (run_dir / "instructions.txt").write_text("Be safe and kind.")
    assert run_stage(load_stage("rlhf"), config)
