"""The capability stage on tiny policies: a planted damaged checkpoint is found and stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from typed_results import typed

from eval.config import GateConfig
from eval.kept_lines import kept_lines
from models.config import ModelConfig
from models.loading.load import load_model
from pipeline.checks.inputs import read_suites
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.declared import StageSettings
from pipeline.run.graph import stage_names
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_run import run_stage
from pipeline.stages import capability, prep
from records.run_files import PROMPTS
from records.stage_folder import read_json

HELP = "Drink water, rest, and see a doctor when it does not get better within some days."


@pytest.fixture
def config(tmp_path: Path, tiny_directory: Path) -> RunConfig:
    asked = [f"What helps against complaint number {n * 37} in week {n}?" for n in range(60)]
    rows = [{"prompt": text, "completion": f"{HELP} ({n})"} for n, text in enumerate(asked)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = [{"context": f"{text}\nAnswer:", "choices": ["no", "yes"], "gold": 0} for text in asked]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in items))
    path = tmp_path / "run.yaml"
    path.write_text(
        f"""
run_dir: {tmp_path / "run"}
model: {{base: {{path: {tiny_directory}}}, max_length: 256}}
trainer: {{accelerator: cpu}}
control: {{enabled: false}}
data:
  sources: [{{name: mine, format: jsonl, path: {tmp_path / "rows.jsonl"}, kind: benign}}]
  split: {{test: 0.6, near_duplicate: 1.0}}
eval:
  generation: {{dtype: float32}}
  capability:
    held_out_texts: 24
    tasks:
      - {{name: own, path: {tmp_path / "items.jsonl"}}}
      - {{name: away, path: {tmp_path / "none.jsonl"}, optional: true}}
"""
    )
    return load_config(path)


def damage(folder: Path, tiny_directory: Path, noise: float) -> None:
    """A policy directory whose weights were disturbed."""
    shutil.copytree(tiny_directory, folder)
    model = load_model(ModelConfig(path=str(folder)))
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(noise * parameter.std() * torch.randn_like(parameter))
    model.save_pretrained(folder)


def run_all(config: RunConfig, tiny_directory: Path) -> Path:
    for stage, noise in (("sft", 0.0), ("dpo", 20.0)):

        def train(
            _: StageSettings, _inputs: Inputs, place: Place, noise: float = noise
        ) -> dict[str, Any]:
            damage(place.path / "policy", tiny_directory, noise)
            return {}

        one = Stage(name=stage, reads=(PROMPTS.of("train"),), work=train)
        (run_stage(prep.STAGE, config), run_stage(one, config))
    run_stage(capability.STAGE, config)
    return Path(config.run_dir) / "capability"


def test_the_stage_is_there_where_it_is_asked_for_alone(config: RunConfig, tmp_path: Path) -> None:
    assert "capability" in stage_names(config)
    off = ["eval.capability.tasks=[]", "eval.capability.held_out_texts=0"]
    assert "capability" not in stage_names(load_config(tmp_path / "run.yaml", off))


def test_a_planted_damaged_checkpoint_is_stopped_and_an_unchanged_one_is_not(
    config: RunConfig, tiny_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_all(config, tiny_directory)
    found = read_json(folder / "capability.json")
    assert found["perplexity"]["changes"]["sft"]["retained"]
    assert found["perplexity"]["changes"]["dpo"]["ratio"] > 1.2
    assert found["tasks"]["own"]["n"] == 60
    assert "task away left out" in capsys.readouterr().out
    verdicts = {
        policy: [
            one.passed for one in kept_lines(typed({"capability": found}), policy, GateConfig())
        ]
        for policy in ("sft", "dpo")
    }
    assert all(verdicts["sft"])
    assert not all(verdicts["dpo"])
    answers = (folder / "answers.jsonl").read_text().splitlines()
    assert len(answers) == 3 * 60


def test_check_finds_a_missing_set_and_a_missing_engine_beforehand(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.checks.inputs.find_spec", lambda name: None)
    wanted = [
        "eval.capability.engine=lm_eval",
        f"eval.capability.tasks=[{{name: a, path: {tmp_path}/none.jsonl}}]",
    ]
    _, faults = read_suites(load_config(tmp_path / "run.yaml", wanted))
    assert any("lm_eval is not installed" in fault for fault in faults)
    assert any("none.jsonl: no such file" in fault for fault in faults)
    assert read_suites(config)[1] == []
