"""Policies that Primum did not train are measured by `primum eval` with eval.candidates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.commands.eval_alone import suite_words
from pipeline.measuring.prompts import OWN_SUITES, own_demonstrations, suite_prompt
from pipeline.measuring.tamper import unmeasured
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
  tamper:
    {{enabled: true, steps: 2, batch_size: 2, rank: 2, direction_prompts: 3, prompts_per_suite: 2}}
"""
    )
    before = {path: path.read_bytes() for path in tied_directory.iterdir()}
    assert main(["eval", str(config)]) == 0
    results = read_json(tmp_path / "run/measured/results.json")
    assert len(results["policies"]) == 2
    assert set(results["capability"]["perplexity"]["changes"]) == set(results["policies"]) - {
        "base"
    }
    assert (tmp_path / "run/measured/report.html").is_file()
    assert "held-out texts" in capsys.readouterr().out
    require_tampered_with(tmp_path / "run/measured", results)
    assert before == {path: path.read_bytes() for path in tied_directory.iterdir()}


def require_tampered_with(folder: Path, results: dict[str, Any]) -> None:
    """The last policy was attacked in memory, and measured on the suites of the measurement."""
    found = results["tamper"]
    assert found["policy"] == list(results["policies"])[-1] != "base"
    assert found["attacks"]["fine_tuned"]["about"]["source"] == "the project's own"
    for attack in found["attacks"].values():
        measured = {name: suite["n"] for name, suite in attack["suites"].items()}
        assert measured == dict.fromkeys(OWN_SUITES, 2)
    assert "After tampering with the weights" in (folder / "report.html").read_text()
    written = {path.name for path in (folder / "tamper").iterdir()}
    assert written == {"completions.jsonl", "scores.jsonl"}


def test_what_has_no_weights_here_cannot_be_tampered_with(
    tmp_path: Path, tiny_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "log.jsonl"
    rows.write_text('{"prompt": "Is it safe?", "completion": "Yes.", "kind": "benign"}\n')
    said = ["measure", str(tiny_directory), "eval.tamper.enabled=true", "--against", str(rows)]
    assert main(said) == 2
    told = capsys.readouterr().err
    assert "log is a file of completions, whose weights are not here" in told
    assert not (tmp_path / "runs").exists()


def test_an_attack_is_made_of_no_measured_prompt() -> None:
    (row, *others) = own_demonstrations("train")[:3]
    assert unmeasured([row, *others], [replace(suite_prompt(row), split="test")]) == others
