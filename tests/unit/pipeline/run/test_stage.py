"""A stage is skipped when nothing changed, done again when anything did, and never taken for
finished when it was cut off.
"""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path
from typing import Any, NoReturn

import pytest
from declared_settings import settings_of

from data_prep.config import DataConfig
from pipeline.run import provenance
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.declared import Part, StageSettings
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.provenance import code_state, machine
from pipeline.run.stage import Stage
from pipeline.run.stage_run import run_stage
from records.errors import ArtifactError, ResourceError
from records.run_files import RunFile
from records.stage_folder import StageDirectory, read_json, write_text

ROWS = RunFile[Any]("first", "rows.jsonl")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.txt"
    path.write_text("rows")
    return path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Epochs(Part):
    epochs: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfFirst(StageSettings):
    data: DataConfig
    sft: Epochs


Stages = tuple[Stage[OfFirst], Stage[StageSettings], list[str]]


@pytest.fixture
def stages(source: Path) -> Stages:
    """Two stages that count how often they worked."""
    worked: list[str] = []

    def first(settings: OfFirst, inputs: Inputs, place: Place) -> dict[str, int]:
        worked.append("first")
        write_text(place.path / "rows.jsonl", source.read_text() + "\n")
        write_text(place.path / "note.txt", str(len(worked)))
        return {"rows": 1}

    def second(settings: StageSettings, inputs: Inputs, place: Place) -> dict[str, Any]:
        worked.append("second")
        write_text(place.path / "out.txt", inputs.path(ROWS).read_text())
        return {}

    def files(config: RunConfig) -> dict[str, str]:
        return {str(source): source.read_text()}

    one = Stage(name="first", reads=(), settings=OfFirst, work=first, files=files)
    two = Stage(name="second", reads=(ROWS,), settings=settings_of("dpo"), work=second)
    return one, two, worked


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return dataclasses.replace(RunConfig(), run_dir=str(tmp_path / "run"))


def changed(config: RunConfig, tmp_path: Path, *overrides: str) -> RunConfig:
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    return load_config(empty, [f"run_dir={config.run_dir}", *overrides])


def test_a_stage_is_not_done_twice(
    stages: Stages, config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    one, _, worked = stages
    assert run_stage(one, config)
    assert not run_stage(one, config)
    assert worked == ["first"]
    assert "nothing changed, kept" in capsys.readouterr().out


@pytest.mark.parametrize("override", ["sft.epochs=5", "data.split.val=0.3", "seed=1"])
def test_a_changed_setting_or_seed_does_it_again_and_keeps_the_earlier_result(
    stages: Stages,
    config: RunConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    override: str,
) -> None:
    one, _, worked = stages
    run_stage(one, config)
    assert run_stage(one, changed(config, tmp_path, override))
    assert worked == ["first", "first"]
    assert (tmp_path / "run" / "previous" / "first-1" / "note.txt").read_text() == "1"
    assert "the earlier result is in" in capsys.readouterr().out


@pytest.mark.parametrize(
    "override",
    ["sft.learning_rate=0.5", "dpo.beta=0.7", "release.name=other", "wandb.project=other"],
)
def test_a_setting_that_it_does_not_read_does_not_matter(
    stages: Stages, config: RunConfig, tmp_path: Path, override: str
) -> None:
    one, _, _ = stages
    run_stage(one, config)
    assert not run_stage(one, changed(config, tmp_path, override))


def test_a_changed_input_file_does_it_again(
    stages: Stages, config: RunConfig, source: Path
) -> None:
    one, two, _ = stages
    for stage in (one, two):
        run_stage(stage, config)
    source.write_text("other rows")
    assert [run_stage(stage, config) for stage in (one, two)] == [True, True]


def test_a_changed_input_stage_does_the_later_one_again_but_only_for_what_it_reads(
    stages: Stages, config: RunConfig, tmp_path: Path
) -> None:
    """first is made again: its rows are the same, its note is not, and second reads only rows."""
    one, two, worked = stages
    for stage in (one, two):
        run_stage(stage, config)
    again = changed(config, tmp_path, "sft.epochs=7")
    assert [run_stage(stage, again) for stage in (one, two)] == [True, False]
    assert worked == ["first", "second", "first"]


def test_a_damaged_result_is_made_again_and_the_damaged_one_kept_aside(
    stages: Stages, config: RunConfig, tmp_path: Path
) -> None:
    one, _, _ = stages
    run_stage(one, config)
    (tmp_path / "run" / "first" / "rows.jsonl").write_text("tampered\n")
    assert run_stage(one, config)
    assert (tmp_path / "run" / "previous" / "first-1" / "rows.jsonl").read_text() == "tampered\n"


def test_a_damaged_input_is_named_and_stops_the_later_stage(
    stages: Stages, config: RunConfig, tmp_path: Path
) -> None:
    one, two, _ = stages
    run_stage(one, config)
    (tmp_path / "run" / "first" / "rows.jsonl").write_text("tampered\n")
    with pytest.raises(ArtifactError, match=r"first/rows\.jsonl: changed since the stage finished"):
        run_stage(two, config)
    assert not (tmp_path / "run" / "second").exists()


def killed_in(stage: Stage[Any]) -> Stage[Any]:
    def work(config: RunConfig, inputs: Inputs, place: Place) -> NoReturn:
        write_text(place.path / "rows.jsonl", "half\n")
        write_text(place.work / "checkpoint", "here")
        raise KeyboardInterrupt

    return dataclasses.replace(stage, work=work)


def test_a_stage_that_was_cut_off_is_not_finished_and_goes_on(
    stages: Stages, config: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, _ = stages
    with pytest.raises(KeyboardInterrupt):
        run_stage(killed_in(one), config)
    with pytest.raises(ArtifactError, match="not complete"):
        run_stage(two, config)
    assert (tmp_path / "run" / "first" / "work" / "checkpoint").is_file()
    assert run_stage(one, config)
    assert "was cut off; going on from there" in capsys.readouterr().out
    assert not (tmp_path / "run" / "first" / "work").exists()
    assert not (tmp_path / "run" / "previous").exists()


def test_work_of_other_settings_is_not_gone_on_with(
    stages: Stages, config: RunConfig, tmp_path: Path
) -> None:
    one, _, _ = stages
    with pytest.raises(KeyboardInterrupt):
        run_stage(killed_in(one), config)
    run_stage(one, changed(config, tmp_path, "sft.epochs=5"))
    assert (tmp_path / "run" / "previous" / "first-1" / "work" / "checkpoint").is_file()


def test_what_a_kill_left_after_the_manifest_is_cleared(
    stages: Stages, config: RunConfig, tmp_path: Path
) -> None:
    one, _, _ = stages
    run_stage(one, config)
    leftover = tmp_path / "run" / "first" / "work"
    leftover.mkdir()
    assert not run_stage(one, config)
    assert not leftover.exists()


def test_no_room_on_the_disk_is_said_before_anything_is_written(
    stages: Stages, config: RunConfig, tmp_path: Path
) -> None:
    one, _, worked = stages
    with pytest.raises(ResourceError, match="free some or set run_dir elsewhere"):
        run_stage(dataclasses.replace(one, gigabytes=lambda config: 1e9), config)
    assert not worked
    assert not (tmp_path / "run" / "first").exists()


@pytest.mark.parametrize(
    "words",
    [
        "Error while serializing: I/O error: No space left on device (os error 28)",
        "[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534",
        "PytorchStreamWriter failed writing file data/0: file write failed",
    ],
)
def test_a_disk_that_fills_up_under_torch_is_one_line(
    stages: Stages, config: RunConfig, words: str
) -> None:
    """torch and safetensors raise no OSError; these are their words."""

    def work(settings: OfFirst, inputs: Inputs, place: Place) -> NoReturn:
        raise RuntimeError(words)

    with pytest.raises(ResourceError, match="the disk took no more"):
        run_stage(dataclasses.replace(stages[0], work=work), config)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not match"), OSError(errno.ENOSPC, "No space left on device")]
)
def test_other_errors_pass_as_they_are(stages: Stages, config: RunConfig, error: Exception) -> None:
    def work(settings: OfFirst, inputs: Inputs, place: Place) -> NoReturn:
        raise error

    with pytest.raises(type(error)) as caught:
        run_stage(dataclasses.replace(stages[0], work=work), config)
    assert caught.value is error


def test_only_rank_0_writes(stages: Stages, config: RunConfig, tmp_path: Path) -> None:
    one, _, _ = stages
    quiet = dataclasses.replace(one, work=lambda *handed: {})
    run_stage(quiet, config, rank=1)
    assert not (tmp_path / "run" / "first").exists()


def test_run_json_says_what_made_it(stages: Stages, config: RunConfig, tmp_path: Path) -> None:
    run_stage(stages[0], config)
    run = read_json(tmp_path / "run" / "first" / "run.json")
    assert run["fingerprint"] == StageDirectory(tmp_path / "run" / "first").fingerprint()
    assert run["seed"] == 0
    assert run["config"]["dpo"]["beta"] == config.dpo.beta
    assert {"commit", "dirty", "versions", "machine", "started", "inputs", "files"} <= set(run)
    assert run["versions"]["torch"]


def test_code_state_outside_a_checkout_is_unknown_not_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "stage.py"))
    assert code_state() == {"commit": None, "dirty": None}


def test_machine_names_no_host_and_no_user() -> None:
    assert set(machine()) == {"processor", "cores", "memory_gib", "system"}
