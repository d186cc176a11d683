"""What is recorded of libraries that are absent."""

from __future__ import annotations

import shlex
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks.machine import python_path
from pipeline.run import provenance
from pipeline.run.config import RunConfig


def test_a_library_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "LIBRARIES", ("torch", "no-such-library"))
    versions = provenance.run_record(RunConfig(run_dir="x"))["versions"]
    assert (versions["torch"], versions["no-such-library"]) == (version("torch"), None)


def test_processes_of_benchmarks_keep_the_path_they_were_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/wheels")
    assert python_path(tmp_path) == f"{tmp_path}:/wheels"
    monkeypatch.delenv("PYTHONPATH")
    assert python_path(tmp_path) == str(tmp_path)


def test_a_command_can_be_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["run", "my config.yaml", "release.name=a b"]
    monkeypatch.setattr("sys.argv", ["primum", *words])
    assert shlex.split(provenance.run_record(RunConfig())["command"]) == ["primum", *words]
