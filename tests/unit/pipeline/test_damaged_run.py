"""A run whose own files are damaged, of another shape or added to is never stuck, never trusts
them, and says what it does.
"""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any, NoReturn

import pytest
from small_training import WRONG, at_once, flip, resumed_from, row, train_one_epoch

from eval.scoreboard_shape import read_scoreboard
from pipeline.run.config import RunConfig
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_run import run_stage
from records.own_files import sealed_line
from records.stage_folder import StageDirectory
from train.engine.checkpoint_files import settled_checkpoint, survey


@pytest.fixture(autouse=True)
def _little_to_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """What run.json says for people takes longer to find out than all that is tested here."""
    monkeypatch.setattr("pipeline.run.stage_run.run_record", lambda config: {})
    monkeypatch.setattr("pipeline.run.fingerprint.resolved", lambda config: {"seed": config.seed})


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return dataclasses.replace(RunConfig(), run_dir=str(tmp_path / "run"))


@pytest.fixture
def training() -> Stage[Any]:
    return at_once()


@pytest.fixture
def cut_off(training: Stage[Any], config: RunConfig) -> StageDirectory:
    def work(config: RunConfig, inputs: Inputs, place: Place) -> NoReturn:
        train_one_epoch(place)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_stage(dataclasses.replace(training, work=work), config)
    return StageDirectory(Path(config.run_dir) / "sft")


def test_what_is_whole_is_gone_on_with(
    cut_off: StageDirectory,
    training: Stage[Any],
    config: RunConfig,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert resumed_from(training, config) == "step-0000004"
    assert "was cut off; going on from there" in capsys.readouterr().out


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("name", ["run.json", "scoreboard.jsonl"])
def test_an_attempt_whose_own_record_is_damaged_is_kept_aside_and_begun_anew(
    cut_off: StageDirectory,
    training: Stage[Any],
    config: RunConfig,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes,
) -> None:
    (cut_off.path / name).write_bytes(
        content + b"\n" if content and name == "scoreboard.jsonl" else content
    )
    capsys.readouterr()
    assert resumed_from(training, config) == ""
    said = capsys.readouterr().out
    assert f"sft         {cut_off.path / name}" in said
    assert f"{cut_off.path.parent / 'previous' / 'sft-1'}, and the stage is begun anew" in said
    assert (cut_off.path.parent / "previous" / "sft-1" / "work" / "checkpoints").is_dir()


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("latest.json", 4),
        ("step-0000004/contents.json", 3),
        ("step-0000004/trainer.pt", 3),
        ("step-0000004/tensors-0.pt", 3),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_with_a_line(
    cut_off: StageDirectory,
    training: Stage[Any],
    config: RunConfig,
    capsys: pytest.CaptureFixture[str],
    name: str,
    wanted: int,
    content: bytes,
) -> None:
    path = cut_off.work / "checkpoints" / name
    path.write_bytes(content)
    capsys.readouterr()
    assert resumed_from(training, config) == f"step-{wanted:07d}"
    said = capsys.readouterr().out
    assert f"sft         {path}: " in said
    assert f"sft         passed over; training goes on from step {wanted}" in said


def test_other_ranks_are_told_when_it_is_settled_which_checkpoint_all_go_on_from(
    cut_off: StageDirectory,
    training: Stage[Any],
    config: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They look at latest.json only, so it must name a whole one by then."""
    folder, seen = cut_off.work / "checkpoints", []
    monkeypatch.setattr(
        "pipeline.run.ranks.announce", lambda stage, work: seen.append(settled_checkpoint(folder))
    )
    (folder / "step-0000004" / "tensors-0.pt").write_bytes(b"")
    resumed_from(training, config)
    assert seen == [folder / "step-0000003"]


def test_without_any_whole_checkpoint_training_starts_from_step_0_and_says_so(
    cut_off: StageDirectory,
    training: Stage[Any],
    config: RunConfig,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for path in cut_off.work.glob("checkpoints/step-*/trainer.pt"):
        path.write_bytes(b"\0" * path.stat().st_size)
    capsys.readouterr()
    assert resumed_from(training, config) == ""
    assert "no checkpoint is whole; training starts from step 0" in capsys.readouterr().out
    assert not (cut_off.path.parent / "previous").exists()


@pytest.mark.parametrize("lost", ["tensors damaged", "tensors gone", "a row gone", "all rows gone"])
def test_epochs_that_are_not_as_they_were_measured_are_trained_again(
    cut_off: StageDirectory,
    training: Stage[Any],
    config: RunConfig,
    capsys: pytest.CaptureFixture[str],
    lost: str,
) -> None:
    tensors, scoreboard = (
        cut_off.work / "epochs" / "epoch-1.safetensors",
        cut_off.path / "scoreboard.jsonl",
    )
    if lost == "tensors damaged":
        content = bytearray(tensors.read_bytes())
        content[-1] ^= 4
        tensors.write_bytes(content)
    elif lost == "tensors gone":
        tensors.unlink()
    else:
        scoreboard.write_text(sealed_line(row(1)) if lost == "a row gone" else "")
    assert resumed_from(training, config) == ""
    assert str(tensors if "tensors" in lost else scoreboard) in capsys.readouterr().out


def test_an_epoch_that_was_killed_while_it_was_measured_is_no_damage(
    cut_off: StageDirectory, training: Stage[Any], config: RunConfig
) -> None:
    (cut_off.path / "scoreboard.jsonl").write_text(sealed_line(row(0)) + sealed_line(row(1))[:20])
    assert resumed_from(training, config) == "step-0000004"


def test_of_100_flipped_bits_in_an_unfinished_training_each_is_noticed_or_harmless(
    cut_off: StageDirectory,
) -> None:
    from pipeline.run.unfinished import unfinished_faults

    chance = random.Random(17)
    checkpoints = cut_off.work / "checkpoints"
    newest = checkpoints / "step-0000004"
    epoch = cut_off.work / "epochs" / "epoch-1.safetensors"
    watched = [
        *newest.iterdir(),
        checkpoints / "latest.json",
        epoch,
        cut_off.path / "scoreboard.jsonl",
    ]
    rows = read_scoreboard(cut_off.path / "scoreboard.jsonl")
    for number in range(100):
        path = watched[number % len(watched)]
        whole = flip(path, chance)
        noticed = [*unfinished_faults(cut_off), *survey(checkpoints).faults]
        if not noticed:
            # A name that carries no meaning, as that of a seal.
            assert path.suffix in (
                ".json",
                ".jsonl",
            )
            got = read_scoreboard(cut_off.path / "scoreboard.jsonl")
            assert got == rows
            assert survey(checkpoints).whole[0] == newest.name
        path.write_bytes(whole)
    assert not unfinished_faults(cut_off)
    assert not survey(checkpoints).faults
