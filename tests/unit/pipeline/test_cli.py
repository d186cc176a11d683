"""The command line: quick help, exit codes, one line for each thing that is wrong."""

from __future__ import annotations

import argparse
import errno
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from pipeline import cli
from pipeline.stages import STAGES, load_stage, stage_names
from records.errors import ArtifactError, GateError

Capture = pytest.CaptureFixture[str]

HELP = """
import sys, resource
from pipeline.arguments import parser
text = parser().format_help()
print(text)
heavy = [name for name in ("torch", "transformers", "numpy", "omegaconf", "pytorch_lightning", "wandb") if name in sys.modules]
print("LOADED", heavy)
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(f"run_dir: {tmp_path / 'run'}\n", encoding="utf-8")
    return path


@pytest.mark.process
def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(
        [sys.executable, "-c", HELP], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    for name in ("run", "config", *STAGES):
        assert re.search(rf"^    {name}\s", result.stdout, re.M), name
    assert "LOADED []" in result.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_every_stage_can_be_loaded_and_knows_its_name() -> None:
    for name in STAGES:
        assert load_stage(name).name == name


def test_a_stage_reads_only_what_earlier_stages_leave() -> None:
    """In every round."""
    from pipeline.run.config import RunConfig
    from train.config import DpoConfig

    config = RunConfig(dpo=DpoConfig(rounds=3))
    order = stage_names(config)
    for name in order:
        stage = load_stage(name)
        for part in stage.inputs(config):
            assert order.index(part.split("/")[0]) < order.index(name), (name, part)


def test_a_control_that_is_off_is_not_run() -> None:
    from pipeline.run.config import RunConfig
    from train.config import ControlConfig

    assert "sft_control" not in stage_names(RunConfig(control=ControlConfig(enabled=False)))


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["run"], ["run", "--nonsense", "x"]])
def test_a_command_that_is_none_exits_with_2(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: primum" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "missing"),
    [("measure", "MODEL_OR_FILE"), ("chat", "RUN_OR_MODEL"), ("run", "CONFIG"), ("gate", "RUN")],
)
def test_what_may_be_left_out_is_not_called_required(
    command: str, missing: str, capsys: Capture
) -> None:
    with pytest.raises(SystemExit):
        cli.main([command])
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"the following arguments are required: {missing}")


def test_config_prints_the_resolved_run(config_file: Path, capsys: Capture) -> None:
    assert cli.main(["config", str(config_file), "dpo.beta=0.25"]) == 0
    assert "beta: 0.25" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ArtifactError(["one", "two"]), 2),
        (GateError("gate not met: harm"), 3),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(
    config_file: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
) -> None:
    def fail(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert cli.main(["run", str(config_file)]) == code
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert all(f"primum: {fault}" in shown for fault in getattr(error, "faults", ["interrupted"]))


def test_an_interrupt_that_lightning_turned_into_exit_1_is_still_an_interrupt(
    config_file: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert cli.main(["run", str(config_file)]) == 130
    assert "run the same command again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "said"),
    [(28, "No space left"), (122, "quota"), (13, "Permission denied"), (30, "Read-only")],
)
def test_a_disk_that_refuses_is_one_line(
    config_file: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    import os

    def fail(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number), "/somewhere/file")

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert cli.main(["run", str(config_file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "/somewhere/file" in line
    assert said.lower() in line.lower()


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("/somewhere/source.jsonl", "grant access, or name another file or folder"),
        ("runs/a/dpo/policy/model.safetensors", "grant access, or set run_dir elsewhere"),
        ("home/cache/hashes/a", "grant access, or set PRIMUM_CACHE elsewhere"),
        # Folders above, which were to be made on the way.
        ("home", "grant access, or set PRIMUM_CACHE elsewhere"),
        ("runs", "grant access, or set run_dir elsewhere"),
        (".", "grant access, or name another file or folder"),
        (None, "grant access, or set run_dir elsewhere"),
    ],
)
def test_what_to_do_about_a_file_depends_on_whose_it_is(
    config_file: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    file: str | None,
    remedy: str,
) -> None:
    monkeypatch.setenv("PRIMUM_CACHE", "home/cache")

    def fail(options: argparse.Namespace) -> None:
        options.run_dir = "runs/a"
        raise PermissionError(errno.EACCES, "Permission denied", file)

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert cli.main(["run", str(config_file)]) == 2
    assert remedy in capsys.readouterr().err


def test_our_own_bugs_keep_their_traceback(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(cli, "_dispatch", fail)
    with pytest.raises(OSError, match="Bad file"):
        cli.main(["run", str(config_file)])


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_run_dir_that_cannot_be_one_is_a_line_that_names_it(
    config_file: Path, tmp_path: Path, capsys: Capture, where: str
) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert cli.main(["prep", str(config_file), f"run_dir={tmp_path / where}"]) == 2
    shown = capsys.readouterr().err
    assert str(tmp_path / where) in shown
    assert "run_dir" in shown


def test_a_later_stage_alone_says_which_one_to_run_first(
    config_file: Path, capsys: Capture
) -> None:
    assert cli.main(["pairs", str(config_file)]) == 2
    assert "run `primum prep` first" in capsys.readouterr().err


def test_all_that_is_missing_is_said_before_the_first_stage_works(
    config_file: Path, tmp_path: Path, capsys: Capture
) -> None:
    """A model or a suite that is not there must not wait for hours of other work."""
    config_file.write_text(
        f"run_dir: {tmp_path / 'run'}\n"
        "model: {base: {path: /nowhere/model}}\n"
        "data: {sources: [{name: a, format: jsonl, path: /nowhere/rows.jsonl}]}\n"
        "eval: {suites: [{name: s, path: /nowhere/suite.jsonl}]}\n"
    )
    assert cli.main(["run", str(config_file)]) == 2
    shown = capsys.readouterr().err
    for path in ("/nowhere/model", "/nowhere/rows.jsonl", "/nowhere/suite.jsonl"):
        assert sum(path in line for line in shown.splitlines()) == 1, (path, shown)
    assert not list((tmp_path / "run").glob("*/run.json"))


@pytest.mark.process
def test_ctrl_c_exits_with_130(config_file: Path) -> None:
    """A real signal, delivered while the command works."""
    script = (
        "import os, signal, sys; from pipeline import cli\n"
        "cli._dispatch = lambda *_: os.kill(os.getpid(), signal.SIGINT) or signal.pause()\n"
        f"sys.exit(cli.main(['run', {str(config_file)!r}]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 128 + signal.SIGINT
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("typed", "meant"), [("mesure", "measure"), ("evel", "eval"), ("chekc", "check")]
)
def test_a_slip_in_a_command_is_told_what_was_meant(
    typed: str, meant: str, capsys: Capture
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([typed, "run.yaml"])
    assert caught.value.code == 2
    assert f"{typed!r} is no command; did you mean {meant}?" in capsys.readouterr().err


def test_the_version_is_the_packages(capsys: Capture) -> None:
    from importlib.metadata import version

    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"primum {version('primum')}\n"
