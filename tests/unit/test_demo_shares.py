"""Shares of a run's time come from the run's own records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.demo_shares import seconds_by_stage, table
from records.errors import ArtifactError


def stage(run: Path, name: str, seconds: float) -> None:
    folder = run / name
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"summary": {"seconds": seconds}}))


def test_stages_in_their_order_with_their_shares(tmp_path: Path) -> None:
    stage(tmp_path, "eval", 30.0)
    stage(tmp_path, "sft", 10.0)
    found = seconds_by_stage(tmp_path)
    assert list(found) == ["sft", "eval"]
    assert table("stage", " s", [("a", found), ("b", {"eval": 5.0})]).splitlines() == [
        "| stage | a | b |",
        "|---|---|---|",
        "| sft | 10 s, 25 % | - |",
        "| eval | 30 s, 75 % | 5 s, 100 % |",
        "| all | 40 s, 100 % | 5 s, 100 % |",
    ]


def test_a_folder_without_stages_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no finished stage"):
        seconds_by_stage(tmp_path)
