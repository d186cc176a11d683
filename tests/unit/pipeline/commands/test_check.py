"""`primum check`: set-ups that are broken in one way each, every one named with its remedy, exit
code 2; a sound one passes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from broken_set_ups import (
    BROKEN,
    SetUp,
    override,
)

from pipeline.cli import main


@pytest.fixture
def set_up(tmp_path: Path, tiny_directory: Path, monkeypatch: pytest.MonkeyPatch) -> SetUp:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("PRIMUM_CACHE", str(tmp_path / "cache"))
    return SetUp(tmp_path, tiny_directory)


def run(set_up: SetUp) -> int:
    return main(["check", str(set_up.config), str(set_up.script), *set_up.overrides])


def test_a_sound_set_up_passes_and_says_what_it_takes(
    set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(set_up) == 0
    said = capsys.readouterr().out
    for words in (
        "prompts of",
        "million trained",
        "on each of 2 ranks",
        "disk about",
        "nothing that would fail",
    ):
        assert words in said


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_set_up_is_named_with_its_remedy(
    name: str, set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    breaks, words = BROKEN[name]
    breaks(set_up)
    assert run(set_up) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert "Traceback" not in said.err


def test_memory_and_disk_are_told_beside_faults(
    set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fault in the data is mended while somebody looks for a GPU that is large enough."""
    set_up.overrides = [
        "data.sources=[{name: mine, format: jsonl, path: /nowhere/rows.jsonl, kind: harmful}]"
    ]
    assert run(set_up) == 2
    told = capsys.readouterr()
    assert "/nowhere/rows.jsonl" in told.err
    for words in ("million trained", "on each of 2 ranks", "disk about"):
        assert words in told.out
    assert "nothing that would fail" not in told.out


@pytest.mark.parametrize("name", ["weights cut off in download", "no weights"])
def test_memory_and_disk_need_no_weights(
    name: str, set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    """A download that is not whole: the model's config.json tells its shape."""
    BROKEN[name][0](set_up)
    assert run(set_up) == 2
    told = capsys.readouterr().out
    for words in ("million trained", "on each of 2 ranks", "disk about"):
        assert words in told


@pytest.mark.parametrize("path", ["org/not-fetched", "/nowhere/model"])
def test_where_the_shape_is_unknown_check_says_what_makes_it_known(
    path: str, set_up: SetUp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    set_up.overrides = [f"model.base.path={path}"]
    assert run(set_up) == 2
    told = capsys.readouterr()
    (line,) = [line for line in told.out.splitlines() if "memory and disk" in line]
    assert path in line
    assert "`primum fetch`" in line
    assert len(told.err.splitlines()) == 1, "the model is missing, and nothing else"


def test_a_fifo_for_the_models_config_does_not_hang_the_estimate(
    set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    (set_up.model / "config.json").unlink()
    os.mkfifo(set_up.model / "config.json")
    assert run(set_up) == 2
    assert "memory and disk are not estimated" in capsys.readouterr().out


def test_a_library_that_the_linter_lacks_is_named(
    set_up: SetUp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    override("data.lint.personal_data=true")(set_up)
    assert run(set_up) == 2
    assert "pip install -e '.[pii]'" in capsys.readouterr().err


def test_all_faults_come_at_once(set_up: SetUp, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (
        "weights cut off in download",
        "no notice before the time limit",
        "a suite that is not there",
        "online wandb without a key",
    ):
        BROKEN[name][0](set_up)
    assert run(set_up) == 2
    said = capsys.readouterr().err
    for words in ("cut off", "--signal=USR1@300", "/nowhere.csv", "WANDB_API_KEY"):
        assert words in said


def test_shipped_scripts_have_no_faults() -> None:
    from pipeline.run.job_script import read_job_script
    from pipeline.run.job_script_faults import script_faults

    folder = Path(__file__).resolve().parents[4] / "slurm"
    for name in (
        "sft_meditron.sh",
        "dpo_meditron.sh",
        "reward_harmfulness.sh",
        "eval.sh",
        "stages.sh",
        "seeds.sh",
    ):
        faults = [
            fault
            for fault in script_faults(read_job_script(folder / name), gpu=True)
            if "Slurm makes no folders" not in fault
        ]
        assert faults == [], name
