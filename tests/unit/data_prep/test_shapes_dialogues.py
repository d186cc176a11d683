"""Dialogues in others' words, and messages that a cell holds as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from shape_rows import NO, YES, Q, Read, fault_of, message, sides


@pytest.mark.parametrize("column", ["conversations", "conversation", "messages"])
@pytest.mark.parametrize("names", [("from", "value"), ("role", "content")])
@pytest.mark.parametrize(
    "roles",
    [
        ("system", "human", "gpt"),
        ("system", "user", "assistant"),
        ("system", "prompter", "bot"),
        ("system", "user", "model"),
    ],
)
def test_dialogues_in_others_words(
    table: Read, column: str, names: tuple[str, str], roles: tuple[str, str, str]
) -> None:
    texts = ("Be kind.", Q, NO)
    (row,) = table(
        {column: [message(role, text, *names) for role, text in zip(roles, texts, strict=True)]}
    ).rows
    assert [part["role"] for part in row.prompt] == ["system", "user"]
    assert sides(row) == (f"Be kind.\n\n{Q}", NO, "")


def test_a_dialogue_with_sides_of_its_own_is_their_prompt(table: Read) -> None:
    human = [message("human", Q, "from", "value")]
    sharegpt = {
        "conversations": human,
        "chosen": message("gpt", NO, "from", "value"),
        "rejected": message("gpt", YES, "from", "value"),
    }
    trl = {
        "messages": [message("user", Q)],
        "chosen": [message("assistant", NO)],
        "rejected": [message("assistant", YES)],
    }
    assert [sides(row) for row in table(sharegpt, trl).rows] == [(Q, NO, YES)] * 2
    whole = {"messages": [message("user", Q), message("assistant", NO)], "prompt": Q}
    assert [sides(row) for row in table(whole).rows] == [(Q, NO, "")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"messages": [message("user", Q), message("assistant", NO)], "prompt": "Another?"},
            "the prompt and 'messages' ask different",
        ),
        (
            {
                "messages": [message("user", Q), message("assistant", NO)],
                "chosen": YES,
                "rejected": NO,
            },
            "'messages' ends with one completion",
        ),
        (
            {"messages": [message("user", Q)], "tools": [{"name": "search"}]},
            "'tools' holds tools that the policy may call",
        ),
        (
            {
                "messages": [
                    message("user", Q),
                    {"role": "assistant", "content": "", "tool_calls": [1]},
                ]
            },
            "'messages' holds calls of tools",
        ),
        (
            {"messages": [message("user", Q), {"role": "assistant", "content": NO, "weight": 0}]},
            "'messages' holds a message of weight 0",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "'messages' must hold messages",
        ),
        ({"messages": [message("user", Q), message("narrator", NO)]}, "unknown roles ['narrator']"),
        (
            {"prompt": Q, "response": NO, "is_harmful": True},
            "'is_harmful' holds a verdict of which it is not said whether",
        ),
        (
            {"prompt": Q, "completion": NO, "completion.1": YES},
            "the column 'completion' is there twice",
        ),
        ({"prompt": Q, "image": "x.png"}, "'image' holds what is no text"),
        (
            {"question": Q, "options": ["a", "b"], "answer": "a"},
            "'options' holds the options of a multiple-choice question",
        ),
    ],
)
def test_what_no_stage_can_honour_is_refused(table: Read, row: dict[str, Any], said: str) -> None:
    assert fault_of(table, row).startswith(said)


def test_parts_that_are_text_are_text(table: Read) -> None:
    content = [{"type": "text", "text": "Look:"}, {"type": "text", "text": Q}]
    (row,) = table(
        {"messages": [{"role": "user", "content": content}, message("assistant", NO)]}
    ).rows
    assert sides(row) == (f"Look:\n\n{Q}", NO, "")


MESSAGES = [message("user", 'It\'s her "chart".\nHow?'), message("assistant", NO)]


@pytest.mark.parametrize(
    "written", [json.dumps(MESSAGES), repr(MESSAGES), f" {MESSAGES!r}\n", repr(tuple(MESSAGES))]
)
def test_messages_as_text_are_messages(table: Read, written: str) -> None:
    wanted = ('It\'s her "chart".\nHow?', NO, "")
    assert [sides(row) for row in table({"messages": written}).rows] == [wanted]
    asked = repr(MESSAGES[:1])
    for column in ("completion", "chosen"):
        assert [
            sides(row) for row in table({"prompt": asked, column: repr(MESSAGES[1:])}).rows
        ] == [wanted]
    (row,) = table(
        {"chosen": written, "rejected": repr([MESSAGES[0], message("assistant", YES)])}
    ).rows
    assert sides(row) == (*wanted[:2], YES)


@pytest.mark.parametrize(
    "written",
    [
        "[{'role': 'user', 'content': 'Q'}\n {'role': 'assistant', 'content': 'A'}]",
        "array([{'content': 'Q', 'role': 'user'}], dtype=object)",
        "[{'role': 'user', 'content': 'Q'",
        "[{'role': 'user', 'content': open('x')}]",
        '[{"role": "user", "role": "system", "content": "Q"}]',
        f"[{{'role': 'user', 'content': '{'x' * 1_000_000}'}}]",
    ],
)
@pytest.mark.parametrize("column", ["prompt", "messages", "chosen"])
def test_messages_as_text_that_cannot_be_read_are_refused(
    table: Read, column: str, written: str
) -> None:
    assert fault_of(table, {column: written, "completion": NO})


def test_a_request_that_only_looks_like_a_list_stays_a_request(table: Read) -> None:
    texts = [
        "[1, 2, 3]: what comes next?",
        '{"dose": 3} is what unit?',
        "[role] of a nurse?",
        "{'a': 1}",
    ]
    assert [sides(row)[0] for row in table(*({"prompt": text} for text in texts)).rows] == texts
