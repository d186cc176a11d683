"""An evaluation recorded at wandb, offline: every table of the page, nothing that is withheld, and
what it was made from.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import pytest
import wandb
from present import present
from stored_run import rows, store
from wandb_records import key, records

from eval.config import GateConfig
from eval.gate import judge
from eval.measured import Sample
from eval.report.sections.declared import Material
from eval.report.sections.registry import sections_of
from eval.results.stored import read_results
from pipeline.recording.evaluation import (
    figures,
    record_evaluation,
    record_release,
    redacted,
    tables,
)
from pipeline.recording.wandb_stage import name_of
from records.stage_folder import StageDirectory
from train.config import WandbConfig

if TYPE_CHECKING:
    from eval.gate_result import GateResult
    from eval.results.results import Results

    Recorded = tuple[
        Results, list[Sample], list[GateResult], dict[str, tuple[Any, list[Any], Path]], list[str]
    ]

pytestmark = pytest.mark.process
Mode = Literal["offline", "disabled"]
SETTINGS = {"seed": 3, "model": {"base": {"path": "tiny"}}}
SECRET = "Sure, forge it like this"


def where(folder: Path, stage: str, said: list[str], mode: Mode = "offline") -> tuple[Any, Any]:
    """The settings and the place that the recorder takes."""
    (folder / stage).mkdir(exist_ok=True)
    (folder / stage / "run.json").write_text(json.dumps({"config": SETTINGS}))
    directory = StageDirectory(folder / stage)
    config = WandbConfig(mode=mode, project="tiny")
    return config, SimpleNamespace(name=stage, path=directory.path, run=folder, say=said.append)


@pytest.fixture(scope="module")
def recorded(
    tmp_path_factory: pytest.TempPathFactory,
) -> Recorded:
    """(results, rows of the page, gates, the records of each wandb run, what was said)."""
    base = rows("base", harmful=4.0)
    folder = store(
        tmp_path_factory.mktemp("recorded") / "night <1>",
        {"base": base, "dpo": rows("dpo", harmful=1.2)},
    )
    (folder / "dpo").mkdir()
    (folder / "dpo" / "selection.json").write_text("{}")
    results = read_results(folder / "eval" / "results.json")
    shown = [
        replace(
            row.to_row(),
            completion=SECRET if row.kind == "harmful" and row.policy == "base" else row.text,
        )
        for row in base
    ]
    gates = judge(results, "dpo", GateConfig())
    said: list[str] = []
    record_evaluation(*where(folder, "eval", said), ["dpo"], results, shown, gates)
    card = folder / "card.md"
    card.write_text("# Card")
    record_release(*where(folder, "release", said), ["eval"], card, gates)
    # what writes the file is another process, which a command waits for when it ends
    wandb.teardown()
    found = {}
    for path in folder.glob("wandb/offline-run-*/*.wandb"):
        got = list(records(path))
        (run,) = [record.run for record in got if record.HasField("run")][:1]
        found[run.job_type] = (run, got, path.parent)
    return results, shown, gates, found, said


def logged(got: list[Any]) -> dict[str, Any]:
    """The media that were logged, each with its entries."""
    found: dict[str, dict[str, Any]] = {}
    items = [item for record in got if record.HasField("history") for item in record.history.item]
    for name, entry, value in (
        (item.nested_key[0], item.nested_key[1], item.value_json)
        for item in items
        if len(item.nested_key) == 2
    ):
        found.setdefault(name, {})[entry] = json.loads(value)
    return found


def test_every_table_of_the_page_is_there_cell_by_cell(recorded: Recorded) -> None:
    results, _, gates, found, _ = recorded
    _, got, folder = found["eval"]
    history = logged(got)
    sections = sections_of(Material.of(results, results.scoreboard, gates=gates))
    wanted = {name: (head, data) for name, head, data in tables(sections)}
    assert {"tables/safety", "tables/gate", "tables/changes"} <= set(wanted)
    for name, (head, data) in wanted.items():
        table = json.loads((folder / "files" / history[name]["path"]).read_text())
        assert (table["columns"], table["data"]) == (head, data)


def test_the_figures_are_numbers_and_the_settings_whole(recorded: Recorded) -> None:
    results, _, gates, found, _ = recorded
    run, got, folder = found["eval"]
    table = json.loads((folder / "files" / logged(got)["tables/figures"]["path"]).read_text())
    assert table["data"] == json.loads(json.dumps(list(figures(results))))
    settings = {key(item): json.loads(item.value_json) for item in run.config.update}
    assert {name: settings[name] for name in SETTINGS} == SETTINGS
    items = [item for record in got if record.HasField("summary") for item in record.summary.update]
    summary = {key(item): json.loads(item.value_json) for item in items}
    assert (
        summary["eval/dpo/harmful/harmfulness"]
        == present(results.policies["dpo"].suites["harmful"].harmfulness).mean
    )
    assert summary["gate/failed"] == sum(not gate.passed for gate in gates)
    assert (run.display_name, run.run_group) == ("night <1>/eval", "night <1>")


def test_nothing_that_is_withheld_leaves_the_run(recorded: Recorded) -> None:
    _, shown, _, found, _ = recorded
    assert SECRET not in json.dumps(redacted(shown))
    for _, _, folder in found.values():
        for path in folder.rglob("*"):
            assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_report_card_and_lineage_are_artifacts(recorded: Recorded) -> None:
    _, _, _, found, said = recorded
    artifacts = {
        stage: [record.artifact for record in got if record.HasField("artifact")]
        for stage, (_, got, _) in found.items()
    }
    requests = {
        stage: [
            record.request.log_artifact.artifact
            for record in got
            if record.HasField("request") and record.request.HasField("log_artifact")
        ]
        for stage, (_, got, _) in found.items()
    }
    names = {
        stage: {one.name: one for one in (*artifacts[stage], *requests[stage])} for stage in found
    }
    assert {"night__1_-eval-report", "night__1_-dpo", "night__1_-eval"} <= set(names["eval"])
    assert {"night__1_-release-card", "night__1_-eval"} <= set(names["release"])
    files = [
        entry.local_path
        for artifact in (
            names["eval"]["night__1_-eval-report"],
            names["release"]["night__1_-release-card"],
        )
        for entry in artifact.manifest.contents
    ]
    # Uploaded by `wandb sync` at the earliest, long after the command has ended.
    assert len(files) == 3
    assert all(Path(file).is_file() for file in files)
    assert names["eval"]["night__1_-dpo"].use_after_commit
    assert names["release"]["night__1_-eval"].use_after_commit
    assert names["release"]["night__1_-eval"].digest == names["eval"]["night__1_-eval"].digest
    assert said == ["wandb offline (wandb.mode=offline)"] * 2


def test_where_wandb_is_off_nothing_is_written(tmp_path: Path) -> None:
    said: list[str] = []
    record_release(*where(tmp_path, "release", said, "disabled"), [], tmp_path / "card.md", [])
    assert said == []
    assert [path.name for path in tmp_path.iterdir()] == ["release"]


def test_an_artifact_has_letters_that_wandb_takes(tmp_path: Path) -> None:
    assert name_of(tmp_path / "my run" / "eval") == "my_run-eval"
