"""What is passed on names no folder of the machine that made it."""

from __future__ import annotations

from pathlib import Path

import pytest

from records.local_paths import LocalPaths

PATHS = LocalPaths(
    ["/scratch/alice/run", "/home/alice/data/mine.jsonl", "", "org/model"],
    homes=["/home/alice", "/"],
)


def test_a_path_becomes_its_last_part_wherever_it_stands() -> None:
    assert (
        PATHS.hidden("/scratch/alice/run/eval: gone (/home/alice/data/mine.jsonl:3)")
        == "/path/to/run/eval: gone (/path/to/mine.jsonl:3)"
    )
    assert PATHS.hidden("/home/alice/other and /home/alice.") == "/path/to/other and /path/to."
    assert PATHS.hidden("org/model, a/b, /") == "org/model, a/b, /"


def test_another_name_that_begins_alike_is_another_path() -> None:
    assert (
        PATHS.hidden("/scratch/alice/run2, /scratch/alice/run-b")
        == "/scratch/alice/run2, /scratch/alice/run-b"
    )


def test_every_text_of_a_record_is_looked_at() -> None:
    value = {"/home/alice/x": ["/scratch/alice/run", {"n": 1, "none": None}], "b": True}
    assert PATHS.hidden_in(value) == {
        "/path/to/x": ["/path/to/run", {"n": 1, "none": None}],
        "b": True,
    }


def test_links_and_relative_paths_are_known_by_where_they_lead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    paths = LocalPaths([str(tmp_path / "link"), "runs/x"])
    assert paths.hidden(
        f"{tmp_path.resolve()}/real/a {tmp_path}/link {tmp_path}/runs/x runs/x"
    ) == ("/path/to/real/a /path/to/link /path/to/x runs/x")
