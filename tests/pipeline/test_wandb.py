"""wandb offline: the scoreboard of every epoch and the settings are in the .wandb file, with no
network at all.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wandb_records import key, records

from records.rows import read_json_lines

Recorded = tuple[Path, dict[str, tuple[Any, list[dict[str, Any]]]]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recorded(
    tmp_path_factory: pytest.TempPathFactory,
    finished: Path,
    primum: Callable[..., subprocess.CompletedProcess[str]],
    tiny_run: Callable[..., list[str]],
    offline: tuple[str, ...],
) -> Recorded:
    """SFT and DPO done again with wandb offline, and what wandb wrote."""
    import shutil

    run_dir = Path(shutil.copytree(finished, tmp_path_factory.mktemp("wandb") / "tracked"))
    overrides = ("wandb.mode=offline", "wandb.project=tiny", "sft.learning_rate=2.0e-3")
    for stage in ("sft", "dpo"):
        result = primum(
            stage,
            *tiny_run(run_dir, *overrides),
            prefix=offline,
            WANDB_BASE_URL="http://127.0.0.1:9",
        )
        assert result.returncode == 0, result.stderr[-3000:]
        assert "wandb:" not in result.stdout + result.stderr
    found = {}
    for path in run_dir.glob("wandb/offline-run-*/*.wandb"):
        rows = list(records(path))
        (run,) = [r.run for r in rows if r.HasField("run")][:1]
        history = [
            {key(item): json.loads(item.value_json) for item in r.history.item}
            for r in rows
            if r.HasField("history")
        ]
        found[run.job_type] = (run, history)
    return run_dir, found


def test_each_stage_is_a_run_of_one_group(recorded: Recorded) -> None:
    run_dir, found = recorded
    assert set(found) == {"sft", "dpo"}
    for stage, (run, _) in found.items():
        assert (run.project, run.run_group, run.display_name) == (
            "tiny",
            run_dir.name,
            f"{run_dir.name}/{stage}",
        )


def test_the_settings_are_there(recorded: Recorded, tiny_directory: Path) -> None:
    for stage, (run, _) in recorded[1].items():
        settings = {key(item): json.loads(item.value_json) for item in run.config.update}
        assert settings["stage"] == stage
        assert settings["model"]["base"]["path"] == str(tiny_directory)
        assert settings["seed"] == 0
        resolved = json.loads((recorded[0] / stage / "run.json").read_text())["config"]
        assert {name: settings[name] for name in resolved} == resolved


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_the_scoreboard_of_every_epoch_is_there(recorded: Recorded, stage: str) -> None:
    run_dir, found = recorded
    wanted = [row for _, row in read_json_lines(run_dir / stage / "scoreboard.jsonl")]
    got = [row for row in found[stage][1] if "scoreboard/epoch" in row]
    assert [row["scoreboard/epoch"] for row in got] == [row["epoch"] for row in wanted]
    for metric in ("harmfulness", "over_refusal_rate", "refusal_rate"):
        assert [row[f"scoreboard/{metric}"] for row in got] == [
            row[metric]["mean"] for row in wanted
        ]


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_the_loss_of_every_step_is_there(recorded: Recorded, stage: str) -> None:
    run_dir, found = recorded
    wanted = [
        row["loss"]
        for _, row in read_json_lines(run_dir / stage / "metrics.jsonl")
        if "loss" in row
    ]
    assert [row["loss"] for row in found[stage][1] if "loss" in row] == pytest.approx(wanted)


def test_wandb_leaves_no_trace_in_the_stages_artefacts(recorded: Recorded) -> None:
    run_dir, _ = recorded
    assert not [p for stage in ("sft", "dpo") for p in (run_dir / stage).rglob("*wandb*")]


def test_a_stage_that_was_stopped_in_time_goes_on_in_the_same_run(
    tmp_path: Path,
    finished: Path,
    primum: Callable[..., subprocess.CompletedProcess[str]],
    tiny_run: Callable[..., list[str]],
) -> None:
    """Offline, each start leaves a part with one run id."""
    import shutil

    run_dir = Path(shutil.copytree(finished, tmp_path / "stopped"))
    arguments = tiny_run(run_dir, "wandb.mode=offline", "sft.learning_rate=3.0e-3")
    stopped = primum(
        "sft", *arguments, PRIMUM_DEADLINE="0", PRIMUM_PREEMPTED=str(tmp_path / "marker")
    )
    assert stopped.returncode == 75, stopped.stderr[-3000:]
    assert stopped.stderr.count("stopped in time (time limit, saved at step 1)") == 1
    assert (tmp_path / "marker").is_file()
    assert primum("sft", *arguments).returncode == 0
    runs = [
        next(r.run for r in records(path) if r.HasField("run"))
        for path in run_dir.glob("wandb/offline-run-*/*.wandb")
    ]
    assert len(runs) == 2
    assert len({run.run_id for run in runs}) == 1
