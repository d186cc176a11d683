"""An error shows enough of a row to find it, and too little to read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_prep.config import SourceConfig
from data_prep.sources import read_table
from records.errors import RecordError
from records.excerpts import column_names, excerpt

SECRET = "Mr. John Smith of Elm Street, record 00482913, born 3 May 1961, asks about his HIV test"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("maybe", "'maybe'"),
        ("3, 4", "'3, 4'"),
        (12, "12"),
        ("00482913", "'########'"),
        ("John Smith", "'John ...' (10 characters)"),
        (SECRET, "'Mr. ...' (87 characters)"),
        ("x" * 30, "'xxxxxxxxxxxxxxxx ...' (30 characters)"),
        ({"role": "x", "to do": SECRET}, "an object with role, 'to do'"),
        ([SECRET], "a list of 1"),
        ("\x1b[2J", "'\\x1b[2J'"),
    ],
)
def test_a_word_is_shown_and_a_text_is_not(value: object, shown: str) -> None:
    assert excerpt(value) == shown


def test_a_first_row_that_is_taken_for_names_is_not_printed_whole() -> None:
    shown = column_names([SECRET, "kind", *(f"c{n}" for n in range(20))])
    assert shown.startswith("'Mr. ...' (87 characters), kind, c0")
    assert shown.endswith("... and 14 more")
    assert column_names([]) == "none"


ROWS = [
    {"text": SECRET},
    {"prompt": SECRET, "kind": SECRET},
    {"prompt": SECRET, "principle": SECRET},
    {"prompt": SECRET, "split": SECRET},
    {"prompt": SECRET, "licence": SECRET},
    {"prompt": SECRET, "completion": "No.", "is_safe": SECRET},
    {"prompt": {"from": SECRET}},
    {"messages": [SECRET]},
    {"messages": [{"role": SECRET, "content": SECRET}]},
    {"prompt": SECRET, "history": SECRET},
    {"prompt": f"[{{'role': '{SECRET}"},
    {"prompt": SECRET, "response_a": SECRET, "response_b": "No.", "winner": SECRET},
    {SECRET: SECRET},
]


@pytest.mark.parametrize("row", ROWS)
def test_no_reader_prints_a_row(row: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps(row) + "\n")
    with pytest.raises(RecordError) as caught:
        read_table(SourceConfig(name="mine", format="jsonl", path=str(file)), seed=0)
    said = str(caught.value)
    assert f"{file}:1: " in said
    assert "Smith" not in said
    assert "00482913" not in said
