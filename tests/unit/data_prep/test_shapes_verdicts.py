"""A verdict on a completion, as KTO has it: what is labelled bad is never imitated."""

from __future__ import annotations

from typing import Any

import pytest
from shape_rows import NO, YES, Q, Read, fault_of, sides

from data_prep.sources import source_counts


@pytest.mark.parametrize(
    ("good", "bad"),
    [(True, False), (1, 0), ("true", "false"), ("True", "False"), ("1", "0"), (1.0, 0.0)],
)
@pytest.mark.parametrize("column", ["label", "kto_tag", "is_safe", "is_response_safe"])
def test_a_completion_that_is_labelled_bad_is_never_imitated(
    table: Read, column: str, good: Any, bad: Any
) -> None:
    rows = table(
        {"prompt": Q, "completion": YES, column: bad}, {"prompt": Q, "completion": NO, column: good}
    ).rows
    assert [sides(row) for row in rows] == [(Q, NO, YES), (Q, NO, "")]


def test_a_bad_completion_without_a_better_one_leaves_a_prompt_alone(table: Read) -> None:
    rows = table(
        {"prompt": Q, "completion": YES, "label": False},
        {"prompt": "Another?", "completion": NO, "label": True},
    ).rows
    assert sides(rows[0]) == (Q, "", YES)
    assert source_counts(rows) == {"mine": {"rows": 2, "answered": 1, "preferences": 0}}


def test_several_good_and_bad_completions_are_set_against_each_other_in_turn(table: Read) -> None:
    labelled = [
        ("good 1", True),
        ("bad 1", False),
        ("good 2", True),
        ("bad 2", False),
        ("bad 3", False),
    ]
    rows = table(
        *({"prompt": Q, "completion": text, "label": label} for text, label in labelled)
    ).rows
    assert [sides(row)[1:] for row in rows if row.rejected] == [
        ("good 1", "bad 1"),
        ("good 2", "bad 2"),
        ("good 1", "bad 3"),
    ]


def test_a_verdict_that_says_harmful_is_one_too(table: Read) -> None:
    rows = table(
        {"prompt": Q, "response": YES, "is_response_unsafe": True},
        {"prompt": Q, "response": NO, "is_response_unsafe": False},
    ).rows
    assert [sides(row)[1:] for row in rows] == [(NO, YES), (NO, "")]
    labels = ("unsafe", "safe", "harmful", "unharmful")
    rows = table(
        *({"prompt": Q, "response": label, "response_harm_label": label} for label in labels)
    ).rows
    assert [sides(row)[1:] for row in rows] == [
        ("safe", "unsafe"),
        ("safe", ""),
        ("unharmful", "harmful"),
        ("unharmful", ""),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"prompt": Q, "completion": NO, "label": 2},
            "'label' must say true or false of the completion, got 2",
        ),
        ({"prompt": Q, "completion": NO, "label": "medium"}, "'label' must say true or false"),
        ({"prompt": Q, "completion": NO, "label": None}, "'label' is empty"),
        ({"prompt": Q, "label": "unsafe"}, "'label' is given without a completion"),
        (
            {"prompt": Q, "chosen": NO, "rejected": YES, "label": True},
            "'label' is given beside chosen and rejected",
        ),
        (
            {"prompt": Q, "completion": NO, "label": True, "is_safe": False},
            "'label' and 'is_safe' contradict each other",
        ),
    ],
)
def test_a_verdict_that_cannot_be_one_is_refused(
    table: Read, row: dict[str, Any], said: str
) -> None:
    assert fault_of(table, row).startswith(said)
