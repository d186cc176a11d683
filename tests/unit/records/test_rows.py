"""Rows between stages: what is read back is what was written, and faulty lines are named all at
once.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.errors import RecordError
from records.rows import (
    FAULTS_SHOWN,
    Demonstration,
    Prompt,
    Score,
    assistant,
    json_line,
    json_lines,
    read_json_lines,
    read_records,
    stable_id,
    text_of,
    user,
)


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(text.encode(encoding))
    return path


@given(st.lists(st.text()))
def test_records_survive_any_text(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    scores = [
        Score(id=str(i), completion_id="c", scorer="s", value=i / 3, reason=text)
        for i, text in enumerate(texts)
        if text.isprintable()
    ]
    path.write_text(json_lines(scores), encoding="utf-8", newline="")
    assert read_records(path, Score) == scores


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\r", "\x0b", "\x1e"])
def test_unusual_line_separators_inside_a_text_do_not_cut_a_row(
    tmp_path: Path, separator: str
) -> None:
    score = Score(id="1", completion_id="c", scorer="s", reason=f"one{separator}two")
    assert read_records(write(tmp_path, json_line(score)), Score) == [score]


def test_a_faulty_line_is_named_with_file_and_number(tmp_path: Path) -> None:
    path = write(tmp_path, '{"a": 1}\n\nnot json\n[1]\n{"a": 2}\n')
    with pytest.raises(RecordError) as caught:
        list(read_json_lines(path))
    assert [fault.split(": ")[0] for fault in caught.value.faults] == [f"{path}:3", f"{path}:4"]


def test_many_faults_are_counted_not_listed(tmp_path: Path) -> None:
    path = write(tmp_path, "broken\n" * 1000)
    with pytest.raises(RecordError) as caught:
        list(read_json_lines(path))
    assert len(caught.value.faults) == FAULTS_SHOWN + 1
    assert caught.value.faults[-1] == f"... and {1000 - FAULTS_SHOWN} more"


def test_unknown_and_missing_fields_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, '{"id": "1", "scorer": "s", "vallue": 3}\n')
    with pytest.raises(
        RecordError,
        match=r":1: fields do not fit Score: unknown \['vallue'\], missing \['completion_id'\]",
    ):
        read_records(path, Score)


def test_a_file_that_is_not_there_or_not_utf8_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no such file"):
        list(read_json_lines(tmp_path / "nothing.jsonl"))
    path = write(tmp_path, '{"a": "é"}\n', "latin-1")
    with pytest.raises(RecordError, match="not UTF-8"):
        list(read_json_lines(path))


def test_an_id_depends_on_the_parts_and_their_borders() -> None:
    assert stable_id("ab", "c") == stable_id("ab", "c") != stable_id("a", "bc")


def test_messages_read_as_text() -> None:
    assert text_of([*user("q"), *assistant("a")]) == "q\n\na"


def test_a_prompt_keeps_its_fields(tmp_path: Path) -> None:
    prompt = Prompt(
        id="1",
        prompt=user("q"),
        kind="benign",
        suite="s",
        source="x",
        licence="MIT",
        split="val",
        twin_id="2",
    )
    assert read_records(write(tmp_path, json_line(prompt)), Prompt) == [prompt]


def test_a_line_holds_all_fields_of_a_record_in_their_order() -> None:
    row = Demonstration(
        id="a",
        prompt=user("Q\u2019?"),
        completion=assistant("No."),
        split="val",
        kind="harmful",
        suite="harmful",
        source="s",
        licence="CC0-1.0",
    )
    assert json_line(row) == json.dumps(dataclasses.asdict(row), ensure_ascii=False) + "\n"
