"""A new stage is one file and one entry of registration, those of docs/adding_a_stage.md.

Help, check, plan, comparisons, export and release know it then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline.stages
from eval.results.build import compared
from pipeline.arguments import parser
from pipeline.checks.inputs import input_faults
from pipeline.commands.plan import plan_lines, slurm_lines
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.graph import compared_policies, trainings
from pipeline.run.registry import STAGES, Job, Registered
from pipeline.run.stage_run import run_stage
from pipeline.stages import load_stage
from records.contracts import Policy
from records.stage_folder import StageDirectory, write_text

PAGE = Path(__file__).resolve().parents[4] / "docs" / "adding_a_stage.md"
FILE, ENTRY = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
REGISTERED = eval(ENTRY, {"Job": Job, "Policy": Policy, "Registered": Registered})


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunConfig]:
    """A run with the stage, which stands before eval."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "polish.py").write_text(FILE)
    monkeypatch.setattr(
        pipeline.stages, "__path__", [*pipeline.stages.__path__, str(tmp_path / "stages")]
    )
    before = dict(STAGES)
    listed = list(before)
    listed.insert(listed.index("eval"), "polish")
    STAGES.clear()
    STAGES.update({name: before.get(name, REGISTERED) for name in listed})
    (tmp_path / "run.yaml").write_text(
        f"run_dir: {tmp_path / 'run'}\nmodel: {{base: {{path: tiny}}}}\n"
    )
    yield load_config(tmp_path / "run.yaml", ["release.policy=polish"])
    STAGES.clear()
    STAGES.update(before)


def test_the_file_is_short_and_the_entry_is_one() -> None:
    assert len(FILE.splitlines()) < 40
    assert ENTRY.count("Registered(") == 1


def test_help_export_plan_and_comparisons_know_it(config: RunConfig) -> None:
    assert "a last touch" in parser().format_help()
    assert parser().parse_args(["polish", "run.yaml"]).command == "polish"
    assert "polish" in trainings(1)
    assert any(
        line.endswith("a last touch; leaves Polished, from DPO") for line in plan_lines(config)
    )
    assert "polish dpo_meditron.sh POLISH_OPTIONS polish" in slurm_lines(config)
    assert {("polish", "base"), ("polish", "dpo")} <= set(compared(compared_policies(config)))
    assert {"polish"} <= set(load_stage("eval").inputs(config)) & set(
        load_stage("release").inputs(config)
    )


def test_check_asks_it_for_its_files(config: RunConfig) -> None:
    assert [
        fault for fault in input_faults(config) if "write the instructions of polish there" in fault
    ]


def test_it_works_on_the_policy_that_it_starts_from_and_is_kept(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = Path(config.run_dir)
    dpo = StageDirectory(run_dir / "dpo")
    dpo.begin({"fingerprint": "f"})
    write_text(dpo.path / "policy" / "config.json", "{}")
    dpo.finish({})
    (run_dir / "instructions.txt").write_text("Be safe.")
    assert run_stage(load_stage("polish"), config)
    assert (run_dir / "polish" / "policy" / "config.json").read_text() == "{}"
    assert not run_stage(load_stage("polish"), config)
    (run_dir / "instructions.txt").write_text("Be safe and kind.")
    assert run_stage(load_stage("polish"), config)
