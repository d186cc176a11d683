"""Rows in the shapes that public sets have: each is read as what it is, refused with a remedy, or
its column is named.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep.config import SourceConfig
from data_prep.sources import read_table, source_counts
from data_prep.sources.rows import SourceRows
from records.errors import RecordError
from records.rows import Demonstration, text_of

Q, NO, YES = "How do I read her chart?", "I can't help with that.", "Use her password."
Read = Callable[..., SourceRows]


@pytest.fixture
def table(tmp_path: Path) -> Read:
    def read(*rows: Any, **fields: Any) -> SourceRows:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        return read_table(
            SourceConfig(name="mine", format="jsonl", path=str(path), **fields), seed=0
        )

    return read


def fault_of(table: Read, row: Any, **fields: Any) -> str:
    with pytest.raises(RecordError) as caught:
        table(row, **fields)
    (fault,) = caught.value.faults
    return fault.partition("rows.jsonl:1: ")[2]


def sides(row: Demonstration) -> tuple[str, str, str]:
    return text_of(row.prompt), text_of(row.completion), text_of(row.rejected)


def message(role: str, text: str, speaker: str = "role", said: str = "content") -> dict[str, str]:
    return {speaker: role, said: text}


# --- a verdict on the completion (KTO)


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


# --- two completions and what says which is better


def pku(safe: tuple[Any, Any], better: Any = 0, safer: Any = 0, **more: Any) -> dict[str, Any]:
    return {
        "prompt": Q,
        "response_0": NO,
        "response_1": YES,
        "is_response_0_safe": safe[0],
        "is_response_1_safe": safe[1],
        "better_response_id": better,
        "safer_response_id": safer,
        **more,
    }


@pytest.mark.parametrize(
    ("row", "kind", "wanted"),
    [
        (pku((True, False), better=1, safer=0), "harmful", (NO, YES)),
        (pku((True, True), better=1, safer=0), "harmful", (NO, YES)),
        (pku((True, True), better=1, safer=0), "benign", (YES, NO)),
        (pku((True, False), better=1, safer=0), "benign", (NO, YES)),
        (pku((False, True), better=0, safer=1), "harmful", (YES, NO)),
        (pku((False, False), better=1, safer=0), "harmful", ("", YES)),
        (pku((False, False), better=0, safer=0), "benign", ("", YES)),
        (pku(("True", "False"), better="1", safer="0"), "harmful", (NO, YES)),
    ],
)
def test_the_safer_completion_decides_for_harmful_prompts_and_no_unsafe_one_is_imitated(
    table: Read, row: dict[str, Any], kind: Any, wanted: tuple[str, str]
) -> None:
    (found,) = table(row, kind=kind).rows
    assert sides(found)[1:] == wanted


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            pku((True, False), safer=1),
            "safer_response_id names response 1, which is_response_1_safe calls unsafe",
        ),
        (
            pku((True, True), safer=None),
            "the completions are equally safe and safer_response_id does not say",
        ),
        (pku((None, None)), "is_response_0_safe and is_response_1_safe must both say"),
        (pku((True, True), safer=2), "'safer_response_id' must be 0 or 1, got 2"),
        (
            {"prompt": Q, "response_0": NO, "response_1": YES},
            "'response_0' and 'response_1' are given and none of is_response_0_safe",
        ),
        (
            {"prompt": Q, "response_0": NO, "is_response_0_safe": True},
            "'response_0' is a column whose meaning is known",
        ),
    ],
)
def test_what_cannot_be_decided_between_two_completions_is_refused(
    table: Read, row: dict[str, Any], said: str
) -> None:
    assert fault_of(table, row).startswith(said)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"prompt": Q, "response_1": NO, "response_2": YES, "preference_strength": -2}, (NO, YES)),
        ({"prompt": Q, "response_1": NO, "response_2": YES, "preference_strength": 1}, (YES, NO)),
        ({"prompt": Q, "response_1": NO, "response_2": YES, "preference_strength": 0}, (NO, "")),
        (
            {
                "context": [message("user", Q)],
                "response1": NO,
                "response2": YES,
                "overall_preference": -1,
            },
            (NO, YES),
        ),
        ({"prompt": Q, "response_a": NO, "response_b": YES, "winner": "model_a"}, (NO, YES)),
        ({"prompt": Q, "response_a": NO, "response_b": YES, "winner": "tie"}, (NO, "")),
        ({"prompt": Q, "response_j": NO, "response_k": YES}, (NO, YES)),
    ],
)
def test_other_ways_to_prefer_one_of_two(
    table: Read, row: dict[str, Any], wanted: tuple[str, str]
) -> None:
    (found,) = table(row).rows
    assert sides(found) == (Q, *wanted)


# --- grades and ranks


def test_of_completions_with_grades_the_most_helpful_is_chosen_over_each_other(table: Read) -> None:
    graded = [("middling", 2, 4), ("best", 4, 3), ("best too, less correct", 4, 2), ("worst", 0, 0)]
    row = {"prompt": Q, "verbosity": 1}
    rows = table(
        *(
            row | {"id": text, "response": text, "helpfulness": h, "correctness": c}
            for text, h, c in graded
        )
    ).rows
    assert [sides(row)[1:] for row in rows] == [
        ("best", "middling"),
        ("best", ""),
        ("best", "best too, less correct"),
        ("best", "worst"),
    ]


def test_ranked_completions_give_a_preference_for_each_that_is_below_the_best(table: Read) -> None:
    scored = [
        {"response": text, "overall_score": score, "model": "m"}
        for text, score in (("c", 2.0), ("a", 9), ("b", "7.5"), ("a2", 9))
    ]
    found = table({"instruction": Q, "completions": scored, "source": "s"})
    assert [sides(row) for row in found.rows] == [(Q, "a", "c"), (Q, "a", "b")]
    assert found.unread == {"completions.model": 1, "source": 1}
    ranked = [{"answer": "second", "rank": 2}, {"answer": "first", "rank": 1}]
    assert [sides(row) for row in table({"prompt": Q, "answers": ranked}).rows] == [
        (Q, "first", "second")
    ]


def test_sides_with_scores_must_stand_the_right_way_round(table: Read) -> None:
    chosen, rejected = ([message("user", Q), message("assistant", text)] for text in (NO, YES))
    row = {
        "prompt": Q,
        "chosen": chosen,
        "rejected": rejected,
        "messages": chosen,
        "score_chosen": 8.0,
        "score_rejected": 3.5,
    }
    (found,) = table(row).rows
    assert sides(found) == (Q, NO, YES)
    assert "the sides are the wrong way round" in fault_of(table, row | {"score_rejected": 9})


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": Q, "completions": ["a", "b"]},
        {"prompt": Q, "completions": [{"response": "a"}, {"response": "b"}]},
        {"prompt": Q, "completions": [{"model": "a", "score": 1}]},
        {"prompt": Q, "helpfulness": 3},
        {"prompt": Q, "response": "a", "helpfulness": "very"},
    ],
)
def test_completions_without_a_word_on_which_is_better_are_refused(
    table: Read, row: dict[str, Any]
) -> None:
    assert fault_of(table, row)


# --- dialogues


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


# --- messages that a cell holds as text


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


# --- other columns that are known


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
    bad = [{"instruction": value, "output": "A"} for value in ([1], None, True, {"a": 1})]
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
