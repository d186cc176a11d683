"""`primum report` through the command line, on evaluations that no model made."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from file_module import module_of
from stored_run import rows, store

from pipeline import cli

BASE = rows("base", harmful=4.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store(
        tmp_path_factory.mktemp("first") / "night", {"base": BASE, "dpo": rows("dpo", harmful=1.2)}
    )


@pytest.fixture(scope="module")
def written(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the command writes of one run."""
    folder = tmp_path_factory.mktemp("report") / "out"
    arguments = ["--format", "page", "lm-eval", "inspect", "model-index", "tasks"]
    assert cli.main(["report", str(run), "--output", str(folder), *arguments]) == 0
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_page_of_a_run_is_made_again_with_its_gate(run: Path, written: Path) -> None:
    page = (written / "report.html").read_text()
    assert "Release gate:" in page
    assert "Run night &middot; Policy DPO" in page
    assert (written / "samples.html").is_file()
    assert (written / "report.md").read_text().startswith("# Harm and over-refusal")


def test_the_figures_in_every_format_are_those_of_the_results(run: Path, written: Path) -> None:
    results = read(run / "eval" / "results.json")
    harm = results["policies"]["dpo"]["suites"]["harmful"]["harmfulness"]
    (file,) = (written / "lm_eval" / "dpo").glob("results_*.json")
    assert read(file)["results"]["primum_harmful"]["harmfulness,none"] == harm["mean"]
    (log,) = [read(path) for path in (written / "inspect").glob("*primum-harmful_dpo.json")]
    assert {score["name"]: score["metrics"]["mean"]["value"] for score in log["results"]["scores"]}[
        "harmfulness"
    ] == harm["mean"]
    assert len(log["samples"]) == results["policies"]["dpo"]["suites"]["harmful"]["n"]
    metrics = read(written / "model_index.json")["model-index"][0]["results"][0]["metrics"]
    (shown,) = [metric for metric in metrics if metric["type"] == "harmfulness"]
    assert shown["value"] == harm["mean"]
    assert [shown["args"]["interval_low"], shown["args"]["interval_high"]] == harm["interval"]


def test_the_hub_reads_the_model_index(written: Path) -> None:
    from huggingface_hub.repocard_data import model_index_to_eval_results

    _, found = model_index_to_eval_results(read(written / "model_index.json")["model-index"])
    assert {one.metric_type for one in found} >= {
        "harmfulness",
        "refusal_rate",
        "over_refusal_rate",
    }


@pytest.mark.skipif(
    importlib.util.find_spec("inspect_ai") is None, reason="inspect_ai is not installed"
)
def test_inspect_ai_reads_its_logs(written: Path) -> None:
    from inspect_ai.log import (  # type: ignore[import-not-found]
        list_eval_logs,
        read_eval_log,
    )

    logs = [read_eval_log(log) for log in list_eval_logs(str(written / "inspect"))]
    assert {log.eval.model for log in logs} == {"primum/base", "primum/dpo"}
    assert all(log.status == "success" and log.samples for log in logs)


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm_eval is not installed")
def test_lm_eval_shows_its_results(written: Path) -> None:
    from lm_eval.utils import make_table

    (file,) = (written / "lm_eval" / "dpo").glob("results_*.json")
    assert "primum_harmful" in make_table(read(file))


def test_a_task_file_scores_refusal_by_the_rule_of_the_report(written: Path) -> None:
    module = module_of("primum_refusal", written / "tasks" / "primum_refusal.py")
    assert module.harmful({}, ["I can't help with that."]) == {"refusal_rate": 1.0}
    assert module.benign({}, ["Take it with food."]) == {"over_refusal_rate": 0.0}
    row = json.loads((written / "tasks" / "primum_harmful.jsonl").read_text().splitlines()[0])
    assert module.text_of_row(row) == row["prompt"][-1]["content"]
    yaml = (written / "tasks" / "primum_harmful.yaml").read_text()
    assert str(written / "tasks" / "primum_harmful.jsonl") in yaml
    compile((written / "tasks" / "primum_suites.py").read_text(), "primum_suites.py", "exec")


def test_redacted_files_hold_no_completion_to_a_harmful_prompt(run: Path, tmp_path: Path) -> None:
    texts = {
        row["completion"][0]["content"]
        for row in map(json.loads, (run / "eval" / "completions.jsonl").read_text().splitlines())
    }
    harmful = {text for text in texts if text.startswith("Sure")} or {max(texts, key=len)}
    assert (
        cli.main(
            [
                "report",
                str(run),
                "--output",
                str(tmp_path / "out"),
                "--redacted",
                "--format",
                "lm-eval",
                "inspect",
            ]
        )
        == 0
    )
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file() and "harmful" in path.name:
            assert not [text for text in harmful if text in path.read_text()], path


def test_runs_stand_side_by_side_and_what_else_differs_is_said(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = store(tmp_path / "other", {"base": BASE, "dpo": rows("dpo", harmful=2.0)})
    results = read(other / "eval" / "results.json")
    results["provenance"]["model"] = "another-model"
    (other / "eval" / "results.json").write_text(json.dumps(results))
    assert (
        cli.main(["report", str(run), str(other), str(run), "--output", str(tmp_path / "out")]) == 0
    )
    text = (tmp_path / "out" / "comparison.md").read_text()
    assert "The runs differ in their base model (" in text
    assert len(re.findall(r"^\| DPO \(", text, re.M)) == 3
    assert "(2)" in text
    assert "3 runs side by side" in (tmp_path / "out" / "comparison.html").read_text()


def test_every_fault_is_told_at_once_and_nothing_is_written(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert (
        cli.main(
            [
                "report",
                str(run),
                str(tmp_path / "none"),
                "--output",
                str(tmp_path / "full"),
                "--format",
                "inspect",
            ]
        )
        == 2
    )
    said = capsys.readouterr().err
    for words in ("is there already", "is of one run, got 2", "none"):
        assert words in said
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]


def test_results_without_completions_give_a_page_and_no_log(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "results.json"
    bare.write_text((run / "eval" / "results.json").read_text())
    assert cli.main(["report", str(bare), "--output", str(tmp_path / "page")]) == 0
    assert {path.name for path in (tmp_path / "page").iterdir()} == {"report.html", "report.md"}
    assert (
        cli.main(["report", str(bare), "--output", str(tmp_path / "logs"), "--format", "inspect"])
        == 2
    )
    assert "name the run itself" in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()


@pytest.mark.process
def test_a_report_needs_no_torch() -> None:
    code = (
        "import sys, pipeline.cli, pipeline.commands.report; sys.exit(sum(name in sys.modules for "
        "name in ('torch', 'transformers')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
