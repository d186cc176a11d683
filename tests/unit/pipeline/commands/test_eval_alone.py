"""Policies that Primum did not train are measured by `primum eval` with eval.candidates."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.commands.eval_alone import suite_words
from pipeline.run.config_loading import load_config
from records.errors import ConfigError
from records.stage_folder import read_json

ROOT = Path(__file__).resolve().parents[4]


def test_the_shipped_config_loads_and_leaves_out_what_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(ROOT / "configs/full_evaluation.yaml")
    words, left_out = suite_words(config)
    assert words == [
        "harmful",
        "twins",
        "patient_questions",
        "red_flags",
        "alarming_benign",
        "worded_alike",
    ]
    assert len(left_out) == len(config.eval.suites) - 3
    assert "suite xstest left out: data/xstest is not there" in left_out


def test_a_suite_that_nothing_describes_is_refused(tmp_path: Path) -> None:
    config = load_config(None, ["eval.candidates=[]", "eval.suites=[{name: mine, path: a.csv}]"])
    with pytest.raises(ConfigError, match="a suite must be described"):
        suite_words(config)


def test_base_and_candidate_are_measured_without_a_run(
    tmp_path: Path, tiny_directory: Path, tied_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(
        f"""
run_dir: {tmp_path / "run"}
model: {{base: {{path: {tiny_directory}}}, max_length: 256}}
trainer: {{accelerator: cpu}}
eval:
  candidates: [{tied_directory}]
  prompts_per_suite: 3
  generation: {{max_new_tokens: 3, dtype: float32}}
  capability: {{held_out_texts: 6}}
"""
    )
    assert main(["eval", str(config)]) == 0
    results = read_json(tmp_path / "run/measured/results.json")
    assert len(results["policies"]) == 2
    assert set(results["capability"]["perplexity"]["changes"]) == set(results["policies"]) - {
        "base"
    }
    assert (tmp_path / "run/measured/report.html").is_file()
    assert "held-out texts" in capsys.readouterr().out
