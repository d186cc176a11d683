"""Ids, twins, licences and keys that name nothing, or two things at once, are refused when rows are
read, so by check and run alike.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_prep.config import SourceConfig
from data_prep.sources import read_source
from pipeline.checks.inputs import read_rows
from pipeline.run.config_loading import load_config
from records.errors import RecordError
from records.rows import Demonstration


def read(folder: Path, *rows: dict[str, Any] | str) -> list[Demonstration]:
    path = folder / "rows.jsonl"
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    )
    return read_source(SourceConfig(name="made", format="jsonl", path=str(path)), seed=0)


def faults_of(folder: Path, *rows: dict[str, Any] | str) -> list[str]:
    with pytest.raises(RecordError) as caught:
        read(folder, *rows)
    return caught.value.faults


COLUMNS = ("id", "twin_id", "suite", "topic", "generator", "licence", "license")
ODD = {
    "a list": ["MIT"],
    "an object": {"a": 1},
    "true": True,
    "infinity": float("inf"),
    "a line end": "a\nb",
    "NUL": "a\0b",
    "an escape": "\x1b[31m",
    "too long": "x" * 501,
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("name", ODD)
def test_what_a_row_says_of_itself_is_a_word_on_one_line(
    tmp_path: Path, column: str, name: str
) -> None:
    (fault,) = faults_of(tmp_path, {"prompt": "Q?", column: ODD[name]})
    assert fault.startswith(f"{tmp_path}/rows.jsonl:1: {column!r} must be ")
    assert "got " in fault
    assert fault.endswith("; write it so, or name the column in the source's ignore")
    assert fault.isprintable()


@pytest.mark.parametrize("value", ["", None, [], {}, 7, 3.0, "  a b  "])
def test_an_empty_value_is_none_and_a_number_is_a_word(tmp_path: Path, value: Any) -> None:
    (row,) = read(tmp_path, {"prompt": "Q?", "topic": value, "licence": "MIT" if value else value})
    assert row.topic == ("" if value in ("", None, [], {}) else str(value).strip())
    assert row.licence == ("MIT" if value else "unknown")


def test_a_key_that_stands_twice_is_told_with_its_line(tmp_path: Path) -> None:
    fault = faults_of(tmp_path, '{"prompt": "Q?", "kind": "harmful", "kind": "benign"}')[0]
    assert "rows.jsonl:1: not a JSON object (an object has the key" in fault
    assert "keep one" in fault


def row(name: str, twin: str | None, kind: str = "harmful") -> dict[str, Any]:
    return {"id": name, "prompt": f"{name}?", "twin_id": twin, "kind": kind}


TWINS = {
    "itself": ([row("a", "a")], "row 'a' names itself as its twin"),
    "a chain": (
        [row("a", "b"), row("b", "c", "benign"), row("c", None)],
        "row 'a' names 'b' as its twin, which names 'c'",
    ),
    "a ring": (
        [row("a", "b"), row("b", "c", "benign"), row("c", "a")],
        "row 'a' names 'b' as its twin, which names 'c'",
    ),
    "two of one": (
        [row("a", "b"), row("b", None, "benign"), row("c", "b")],
        "rows 'a' and 'c' both name 'b' as their twin",
    ),
    "one kind": (
        [row("a", "b"), row("b", "a")],
        "rows 'a' and 'b' are twins, and both are harmful",
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_twins_are_pairs(tmp_path: Path, name: str) -> None:
    rows, said = TWINS[name]
    fault = faults_of(tmp_path, *rows)[0]
    assert (
        fault == f"source 'made': {said}; name one row of the opposite kind, or leave twin_id out"
    )


def test_a_pair_may_be_named_by_one_of_the_two_and_a_twin_may_be_absent(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        row("a", "b"),
        row("b", None, "benign"),
        row("c", "gone"),
        row("d", "e"),
        row("e", "d", "benign"),
    )
    assert [r.twin_id for r in rows] == ["b", None, "gone", "e", "d"]


def test_check_and_run_read_rows_by_the_same_function(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row("a", "a")) + "\n")
    config = tmp_path / "run.yaml"
    config.write_text(
        json.dumps({"data.sources": [{"name": "made", "format": "jsonl", "path": str(path)}]})
    )
    _, faults = read_rows(load_config(config))
    assert len(faults) == 1
    assert "names itself" in faults[0]
