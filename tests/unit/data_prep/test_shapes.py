"""Rows in the shapes that public sets have: each is read as what it is, refused with a remedy, or
its column is named.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from shape_rows import NO, YES, Q, Read, fault_of, message, sides

from data_prep.config import SourceConfig
from data_prep.sources import read_table
from records.errors import RecordError


def test_completions_under_their_other_names(table: Read) -> None:
    rows = table(*({"prompt": Q, name: NO} for name in ("response", "output", "answer"))).rows
    assert [sides(row) for row in rows] == [(Q, NO, "")] * 3


def test_a_system_column_and_history_stand_before_a_dialogue_too(table: Read) -> None:
    dialogue = [message("human", Q, "from", "value"), message("gpt", NO, "from", "value")]
    (row,) = table(
        {
            "conversations": dialogue,
            "system": "Be kind.",
            "history": json.dumps([["Hello?", "Hello."]]),
        }
    ).rows
    assert [part["content"] for part in row.prompt] == ["Be kind.", "Hello?", "Hello.", Q]
    assert "two system messages" in fault_of(
        table,
        {"messages": [message("system", "Be rude."), message("user", Q)], "system": "Be kind."},
    )


def test_alpaca_rows_with_system_history_and_context(table: Read) -> None:
    row = {
        "instruction": "Sum up",
        "input": "a text",
        "output": "Short.",
        "system": "Be brief.",
        "history": [["Hello?", "Hello."]],
    }
    (found,) = table(row).rows
    assert [part["role"] for part in found.prompt] == ["system", "user", "assistant", "user"]
    assert found.prompt[-1]["content"] == "Sum up\n\na text"
    dolly = {"instruction": "Sum up", "context": "a text", "response": "Short.", "category": "x"}
    assert [sides(row) for row in table(dolly).rows] == [("Sum up\n\na text", "Short.", "")]


@pytest.mark.parametrize("source_format", ["jsonl", "instruction_json"])
def test_alpaca_numbers_are_text_and_lists_are_refused(tmp_path: Path, source_format: Any) -> None:
    path = tmp_path / "rows.json"
    config = SourceConfig(name="mine", format=source_format, path=str(path), kind="benign")
    good = [
        {"instruction": "2 + 2?", "input": 3, "output": 4.5},
        {"instruction": 7, "input": None, "output": None},
    ]
    path.write_text(json.dumps(good))
    assert [sides(row) for row in read_table(config, seed=0).rows] == [
        ("2 + 2?\n\n3", "4.5", ""),
        ("7", "", ""),
    ]
    bad: list[dict[str, Any]] = [
        {"instruction": value, "output": "A"} for value in ([1], None, True, {"a": 1})
    ]
    bad += [
        {"instruction": "Q", "input": ["a"], "output": "A"},
        {"instruction": "Q", "output": ["A"]},
        {"instruction": "Q", "output": {"a": 1}},
    ]
    path.write_text(json.dumps(bad))
    with pytest.raises(RecordError) as caught:
        read_table(config, seed=0)
    assert len(caught.value.faults) == len(bad)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"prompt": Q, "answer": "C", "response": NO},
            "'response' and 'answer' may each be the completion; set the source's completion_field",
        ),
        (
            {"question": Q, "answer": NO},
            "no 'prompt' (columns: question, answer); set the source's prompt_field to question",
        ),
        ({"prompt": Q, "question": "Another?"}, "'question' is a column whose meaning is known"),
        (
            {"instruction": Q, "question": "Another?"},
            "'question' is a column whose meaning is known",
        ),
        (
            {"messages": [message("user", Q)], "question": "Another?"},
            "no 'prompt' (columns: messages, question)",
        ),
        (
            {"prompt": Q, "completion": NO, "chosen": YES, "rejected": NO},
            "'completion' and 'chosen' may each be the completion",
        ),
        (
            {"prompt": Q, "completion": NO, "answer": "C"},
            "'answer' is a column whose meaning is known and that has no place in this row",
        ),
        ({"prompt": Q, "input": "of what?"}, "'input' is a column whose meaning is known"),
        ({"prompt": Q, "Prompt": Q}, "the column 'prompt' is there twice but for case"),
        (
            {"prompt": Q, "split": "validation"},
            "'split' is 'validation', and only train and test can be kept",
        ),
        ({"prompt": Q, "history": "before"}, "'history' must be a list"),
    ],
)
def test_a_known_column_without_a_place_is_refused_with_a_remedy(
    table: Read, row: dict[str, Any], said: str
) -> None:
    assert fault_of(table, row).startswith(said)


def test_the_config_can_ignore_a_known_column_and_choose_between_two(table: Read) -> None:
    row = {"prompt": Q, "completion": NO, "label": 7, "answer": "C", "options": ["a"]}
    found = table(row, ignore=["label", "answer", "options"])
    assert (sides(found.rows[0]), found.unread) == ((Q, NO, ""), {})
    chosen = table({"prompt": Q, "answer": "C", "response": NO}, completion_field="response")
    assert (sides(chosen.rows[0]), chosen.unread) == ((Q, NO, ""), {"answer": 1})


def test_rows_that_say_they_are_of_a_test_set_are_not_trained_on(table: Read) -> None:
    rows = table(
        {"prompt": "P", "split": "test"},
        {"prompt": "Q", "split": "train"},
        {"prompt": "R", "split": None},
    ).rows
    assert [row.split for row in rows] == ["test", "train", "train"]


def test_names_in_other_case_and_numbers_of_tables_are_understood(table: Read) -> None:
    (row,) = table(
        {"Prompt": Q, " Completion": NO, "License": "CC0", "principle": 3.0, "topic": float("nan")}
    ).rows
    assert (sides(row), row.licence, row.principle, row.topic) == ((Q, NO, ""), "CC0", 3, "")


def test_unknown_columns_are_counted_by_the_rows_that_carry_them(table: Read) -> None:
    found = table(
        {"prompt": "P", "lang": "en", "weight": 2},
        {"prompt": "Q", "lang": "en", "weight": None},
        {"messages": [{"role": "user", "content": "R", "name": "x"}]},
    )
    assert found.unread == {"lang": 2, "weight": 1, "messages.name": 1}
