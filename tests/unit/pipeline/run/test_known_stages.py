"""A stage that is done is known as such while nothing that it depends on changes, and no library is
loaded for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.run import known_stages
from pipeline.run.config_loading import load_config
from pipeline.run.graph import stage_names
from pipeline.run.known_stages import NOTE, KnownStages

LIBRARIES = (
    "torch",
    "transformers",
    "numpy",
    "networkx",
    "sklearn",
    "matplotlib",
    "peft",
    "pytorch_lightning",
)
SCRIPT = f"""
import sys
from pipeline import cli
code = cli.main(sys.argv[1:])
print("LOADED", [name for name in {LIBRARIES} if name in sys.modules])
sys.exit(code)
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file; its run's folders say that every stage is done, and its source is a file."""
    monkeypatch.setenv("PRIMUM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "source.jsonl").write_text('{"prompt": "a"}\n')
    (tmp_path / "cache" / "tiny-0").mkdir(parents=True)
    (tmp_path / "cache" / "tiny-0" / "config.json").write_text("{}")
    path = tmp_path / "run.yaml"
    source = {
        "name": "mine",
        "format": "jsonl",
        "path": str(tmp_path / "source.jsonl"),
        "kind": "benign",
    }
    content = {
        "run_dir": str(tmp_path / "run"),
        "model": {"base": {"path": "tiny"}},
        "data": {"sources": [source]},
    }
    path.write_text(json.dumps(content))
    for name in stage_names(load_config(path)):
        (tmp_path / "run" / name).mkdir(parents=True)
        for file in ("run.json", "manifest.json", "rows.jsonl"):
            (tmp_path / "run" / name / file).write_text(f"{file} of {name}\n")
    return path


def noted(path: Path) -> None:
    known = KnownStages(load_config(path))
    for name in stage_names(load_config(path)):
        known.note(name)


def same_size_and_time(file: Path) -> None:
    """Other words of the same length, and the time of the change set back."""
    before = file.stat()
    file.write_text(file.read_text().swapcase())
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, tuple[Callable[[Path], object], int]] = {
    "nothing": (lambda folder: None, 10),
    "a source, in the same size and with its time set back": (
        lambda folder: same_size_and_time(folder / "source.jsonl"),
        0,
    ),
    "a source that is gone": (lambda folder: (folder / "source.jsonl").unlink(), 0),
    "the model in the cache": (lambda folder: (folder / "cache" / "tiny-0" / "more").touch(), 0),
    "a file of the fourth stage": (
        lambda folder: same_size_and_time(folder / "run" / "score" / "rows.jsonl"),
        3,
    ),
    "a stray in the last stage": (lambda folder: (folder / "run" / "release" / "stray").touch(), 9),
    "a stage that is gone": (
        lambda folder: (folder / "run" / "eval" / "manifest.json").unlink(),
        8,
    ),
    "a note that is damaged": (lambda folder: (folder / "run" / NOTE).write_text("{"), 0),
    "a note that was edited": (
        lambda folder: (folder / "run" / NOTE).write_text('{"stages": {}, "seal": "0"}'),
        0,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_stages_are_known_up_to_what_changed(settings: Path, tmp_path: Path, change: str) -> None:
    noted(settings)
    make, left = CHANGES[change]
    make(tmp_path)
    assert len(KnownStages(load_config(settings)).kept()) == left


@pytest.mark.parametrize(
    "setting", ["seed=1", "dpo.beta=0.2", "eval.confidence=0.9", "run_dir=elsewhere"]
)
def test_another_setting_is_another_run(settings: Path, setting: str) -> None:
    noted(settings)
    assert KnownStages(load_config(settings, [setting])).kept() == []


def test_other_code_or_another_folder_is_looked_at_anew(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted(settings)
    monkeypatch.chdir(tmp_path)
    assert KnownStages(load_config(settings)).kept() == []
    noted(settings)
    monkeypatch.setattr(known_stages, "ROOMS", ("records",))
    assert KnownStages(load_config(settings)).kept() == []


def test_a_stage_without_a_manifest_is_not_noted(settings: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "prep" / "manifest.json").unlink()
    noted(settings)
    assert KnownStages(load_config(settings)).kept() == []


def test_what_changed_within_a_tick_of_the_clock_is_told_by_its_content(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the file system's clock stood still between the note and the change."""
    # However long the machine takes to write the note, the files were written just before it.
    monkeypatch.setattr(known_stages, "SETTLED", 3600 * 10**9)
    noted(settings)
    known = KnownStages(load_config(settings))
    file = tmp_path / "run" / "release" / "rows.jsonl"
    identity = known_stages._identity(file)
    file.write_text(file.read_text().swapcase())
    real = known_stages._identity
    monkeypatch.setattr(
        known_stages, "_identity", lambda path: identity if path == file else real(path)
    )
    assert known.kept()[-1] == "eval"


@pytest.mark.process
@pytest.mark.parametrize("command", ["run", "dpo"])
def test_a_finished_run_loads_no_library(settings: Path, command: str) -> None:
    noted(settings)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, command, str(settings)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "LOADED []" in done.stdout
    kept = [
        line.split()[0]
        for line in done.stdout.splitlines()
        if line.endswith("nothing changed, kept")
    ]
    assert kept == (stage_names(load_config(settings)) if command == "run" else ["dpo"])
