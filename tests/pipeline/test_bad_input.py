"""What a user can get wrong: exit code 2, one clear message, no traceback, nothing that counts as
done.

The command runs in this process, where a traceback would fail the test; what depends on a process
of its own has one.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

import pytest

from pipeline.cli import main

ROOT = Path(__file__).resolve().parents[2]
GOOD_ROWS = [
    {"prompt": f"How do I hide error {k}?", "completion": "I can't help with that."}
    for k in range(12)
]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def in_this_process(
    tools: tuple[Callable[..., dict[str, str]], Callable[..., list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., CompletedProcess[str]]:
    """Runs `primum ARGUMENTS` here, in the environment and the folder that a process of its own
    would have.
    """
    environment, _ = tools
    monkeypatch.chdir(ROOT)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        with patch.dict(os.environ, environment(), clear=True):
            code = main([str(argument) for argument in arguments])
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return run


@pytest.fixture
def refused(
    in_this_process: Callable[..., CompletedProcess[str]], run_dir: Path
) -> Callable[..., list[str]]:
    """Runs the command, checks what every refusal must keep to, and returns what it said."""

    def run(
        *arguments: str | Path,
        run_dir: Path = run_dir,
        code: int = 2,
        by: Callable[..., subprocess.CompletedProcess[str]] = in_this_process,
    ) -> list[str]:
        result = by(*arguments)
        assert result.returncode == code, (result.returncode, result.stderr[-3000:])
        assert "Traceback" not in result.stdout + result.stderr
        assert not list(run_dir.glob("*/manifest.json")) if run_dir.is_dir() else True
        said = [
            line.removeprefix("primum: ")
            for line in result.stderr.splitlines()
            if line.startswith("primum: ")
        ]
        assert said, result.stderr
        return said

    return run


@pytest.fixture
def config_file(tmp_path: Path, run_dir: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(f"run_dir: {run_dir}\n{text}\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def rows_file(tmp_path: Path) -> Callable[[str], tuple[Path, str]]:
    def write(content: str) -> tuple[Path, str]:
        path = tmp_path / "rows.jsonl"
        path.write_text(content, encoding="utf-8")
        return path, f"data: {{sources: [{{name: own, format: jsonl, path: {path}}}]}}"

    return write


def test_unknown_key(refused: Callable[..., list[str]], config_file: Callable[[str], Path]) -> None:
    (said,) = refused("run", config_file("dpo: {betta: 0.2}"))
    assert "unknown key 'dpo.betta'; did you mean 'dpo.beta'?" in said


def test_bad_value(refused: Callable[..., list[str]], config_file: Callable[[str], Path]) -> None:
    (said,) = refused("run", config_file("sft: {epochs: many}"))
    assert "sft.epochs" in said
    assert "many" in said


def test_several_faults_at_once(
    refused: Callable[..., list[str]],
    config_file: Callable[[str], Path],
    primum: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    assert (
        len(
            refused(
                "run", config_file("sft: {epochs: many}\ndpo: {betta: 1}"), "seeed=1", by=primum
            )
        )
        == 3
    )


def test_missing_config(refused: Callable[..., list[str]], tmp_path: Path) -> None:
    (said,) = refused("run", tmp_path / "nothing.yaml")
    assert f"{tmp_path / 'nothing.yaml'}: no such file" in said


def test_a_key_twice(refused: Callable[..., list[str]], config_file: Callable[[str], Path]) -> None:
    (said,) = refused(
        "run", config_file("release: {gate: {max_harmfulness: 2.0}}\nrelease: {name: mine}")
    )
    assert "'release' stands in lines 2 and 3" in said


def test_malformed_yaml(
    refused: Callable[..., list[str]], config_file: Callable[[str], Path]
) -> None:
    (said,) = refused("run", config_file("dpo: {beta: 0.1"))
    assert "not a YAML file" in said
    assert "line" in said


def test_missing_source_file(
    refused: Callable[..., list[str]], config_file: Callable[[str], Path]
) -> None:
    (said,) = refused(
        "prep",
        config_file("data: {sources: [{name: own, format: jsonl, path: /nowhere/rows.jsonl}]}"),
    )
    assert "/nowhere/rows.jsonl: no such file" in said


def test_malformed_line(
    refused: Callable[..., list[str]],
    config_file: Callable[[str], Path],
    rows_file: Callable[[str], tuple[Path, str]],
) -> None:
    path, text = rows_file(
        "".join(json.dumps(row) + "\n" for row in GOOD_ROWS[:3]) + '{"prompt": "half\n'
    )
    (said,) = refused("prep", config_file(text))
    assert said.startswith(f"{path}:4: ")


def test_row_without_a_prompt(
    refused: Callable[..., list[str]],
    config_file: Callable[[str], Path],
    rows_file: Callable[[str], tuple[Path, str]],
) -> None:
    path, text = rows_file(json.dumps(GOOD_ROWS[0]) + "\n" + json.dumps({"question": "x"}) + "\n")
    (said,) = refused("prep", config_file(text))
    assert said.startswith(f"{path}:2: ")
    assert "question" in said


def test_empty_dataset(
    refused: Callable[..., list[str]],
    config_file: Callable[[str], Path],
    rows_file: Callable[[str], tuple[Path, str]],
) -> None:
    path, text = rows_file("")
    said = refused("prep", config_file(text))
    assert len(said) == 1
    assert "own" in said[0] or str(path) in said[0] or "row" in said[0]


@pytest.mark.parametrize("path", ["/nowhere/model", "no-such-name", "nobody/no-such-model"])
def test_unknown_model_stops_before_any_stage_works(
    refused: Callable[..., list[str]], config_file: Callable[[str], Path], run_dir: Path, path: str
) -> None:
    (said,) = refused("run", config_file(""), f"model.base.path={path}")
    assert said.startswith(f"model.base.path={path}: ")
    assert "no such directory" in said or "run `primum fetch`" in said
    assert not list(run_dir.glob("*/run.json"))


def test_a_directory_that_is_no_model(
    refused: Callable[..., list[str]], config_file: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (said,) = refused("run", config_file(""), f"model.base.path={tmp_path / 'empty'}")
    assert f"model.base.path={tmp_path / 'empty'}: no config.json there" in said
    assert "wanted a Hugging Face model directory" in said


def test_a_run_dir_that_is_a_file(
    refused: Callable[..., list[str]], config_file: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (said,) = refused("prep", config_file(""), f"run_dir={tmp_path / 'file'}")
    assert str(tmp_path / "file") in said
    assert "run_dir" in said


def test_a_run_dir_that_nobody_may_write_to(
    refused: Callable[..., list[str]], config_file: Callable[[str], Path]
) -> None:
    (said,) = refused("prep", config_file(""), "run_dir=/proc/primum", run_dir=Path("/proc/primum"))
    assert "/proc/primum" in said


def test_a_disk_without_room_is_found_before_work(
    refused: Callable[..., list[str]], config_file: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    ).returncode:
        pytest.skip("a small disk can be made by root only: mount -t tmpfs is not permitted here")
    try:
        (said,) = refused("prep", config_file(""), f"run_dir={disk / 'run'}", run_dir=disk / "run")
        assert "GB free on that disk" in said
        assert not (disk / "run" / "prep").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_second_process_in_the_run_directory(
    refused: Callable[..., list[str]],
    config_file: Callable[[str], Path],
    run_dir: Path,
    primum: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    from records.stage_folder import locked

    with locked(run_dir):
        (said,) = refused("prep", config_file(""), by=primum)
    assert "another primum process works in this run directory" in said


def test_a_stage_without_its_inputs(
    refused: Callable[..., list[str]], config_file: Callable[[str], Path]
) -> None:
    (said,) = refused("score", config_file(""))
    assert "run `primum prep` first" in said


def test_good_input_after_bad_input_is_done(
    primum: Callable[..., subprocess.CompletedProcess[str]],
    config_file: Callable[[str], Path],
    rows_file: Callable[[str], tuple[Path, str]],
    run_dir: Path,
) -> None:
    """The same run directory, mended."""
    path, text = rows_file("not json\n")
    config = config_file(text)
    assert primum("prep", config).returncode == 2
    path.write_text("".join(json.dumps(row) + "\n" for row in GOOD_ROWS))
    result = primum("prep", config)
    assert result.returncode == 0, result.stderr
    assert (run_dir / "prep" / "manifest.json").is_file()
