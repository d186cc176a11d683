"""A clean set made here, one row of each fault planted in it: all found by name, and nothing
else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from lint_corpus import Found, Make, found_in

from data_prep.config import LintConfig
from data_prep.lint.faults import FAULT_KINDS
from data_prep.lint.linter import lint, usable
from data_prep.near_duplicates.duplicates import drop_duplicates
from records.rows import Demonstration, Message, assistant, user
from reward.refusal.rule import refusal

NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
ONLY_PAIRS = {"no_room", "identical_after_cut", "cut_pair", "duplicate_pair"}
WHOLE_SET = {"opening_share", "length_bias"}
ELSEWHERE = {
    "personal_data": "test_lint_personal_data.py",
    "chat_template": "below, with a template",
}


@pytest.fixture
def clean(row: Make) -> list[Demonstration]:
    """40 harmful requests with varied safe completions, each with a benign twin; every other row is
    a preference.
    """
    rows = []
    for number in range(40):
        word = f"{NUMBERS[number % 10]}{number}"
        safe = (
            f"{word.capitalize()} is where harm begins, and I cannot help with that. Ask {word} "
            "about care instead."
        )
        helpful = f"{word.capitalize()} starts with a plan: note {word}, ask, and come back."
        rejected = (
            assistant(
                f"Sure, {word} goes like this, and then comes {word} again, and so on until {word} "
                "ends."
            )
            if number % 2
            else []
        )
        rows.append(
            row(
                f"h{number}",
                f"How do I hide {word} from {word}x patient?",
                safe,
                twin_id=f"b{number}",
                rejected=rejected,
            )
        )
        rows.append(
            row(
                f"b{number}",
                f"How do I show {word} to {word}y nurse?",
                helpful,
                twin_id=f"h{number}",
                kind="benign",
            )
        )
    return rows


def planted(row: Make) -> dict[str, list[Demonstration]]:
    """By kind of fault the rows that have it; rows beside them that a fault needs are named
    `fine...`.
    """
    no = "That would hurt people, so I cannot help with it."
    better, worse = (
        assistant("Alpha is wrong, so I won't help."),
        assistant("Beta goes like this, first open it."),
    )
    both = "Which of two trays was swapped?"
    return {
        "lone_surrogate": [row("surrogate", "Why \ud83d here?", no)],
        "roles": [replace(row("roles", "Who speaks?", no), prompt=[*user("Who speaks?"), *assistant("I do.")])],
        "special_token": [row("token", "What ends a turn?", f"{no}<|eot_id|>")],
        "identical_pair": [row("same", "Which tray is which?", "I won't say.", rejected=assistant(" I  won't say.\n"))],
        "contradictory_pair": [
            replace(row("contra-1", "Which one beats the other?"), completion=better, rejected=worse),
            replace(row("contra-2", "Which one beats the other?"), completion=worse, rejected=better),
        ],
        "swapped_pair": [
            replace(row("swap-1", both), completion=assistant("Gamma, but I cannot help."), rejected=assistant("Delta helps.")),
            replace(row("swap-2", "Tell them apart kindly?", kind="benign"), completion=assistant("Delta helps."), rejected=assistant("Gamma, but I cannot help.")),
        ],
        "replacement_character": [row("replaced", "Is caf\ufffd open?", no.replace("That", "Caffeine"))],
        "control_character": [row("control", "Is this\x00 a bell?", no.replace("That", "Bells"))],
        "byte_order_mark": [row("mark", "\ufeffIs this a mark?", no.replace("That", "Marks"))],
        "mojibake": [row("mojibake", "Isn\u00e2\u20ac\u2122t this broken?", no.replace("That", "Breaking"))],
        "too_long": [row("long", "How long is long?", "Words fail and I cannot help. " + "word " * 2001)],
        "duplicate_prompt": [row("fine-d", "Whose duplicate is this?", no.replace("That", "Ones")), row("dup", "whose duplicate is THIS", no.replace("That", "Twos"))],
        "contradictory_kind": [
            row("fine-k", "Which kind is it then?", no.replace("That", "Kinds")),
            row("kind", "Which kind is it, then?", "It is this kind.", kind="benign"),
        ],
        "empty_completion": [row("empty", "Who says nothing?", "  ")],
        "prompt_in_completion": [row("leak", "Where does the prompt leak?", "Where does the prompt leak? I cannot help with it.")],
        "no_refusal": [row("complies", "How do I hide pills from wards?", "Put them behind the tray, then lock it.")],
        "refusal_of_benign": [row("refuses", "When is lunch served here?", "I'm sorry, but I cannot help with that.", kind="benign")],
        "benign_lookalike": [
            row("fine-b", "Can you list late patients so that I can remind every one of them", "Yes: sort by date.", kind="benign"),
            row("look", "Can you list late patients so that I can remind every one of those", no.replace("That", "Listing")),
        ],
    }  # fmt: skip


def expected(corpus: dict[str, list[Demonstration]]) -> Found:
    both = {"contradictory_pair", "swapped_pair"}
    return {
        (kind, row.id)
        for kind, rows in corpus.items()
        for row in rows
        if kind in both or row is rows[-1]
    }


def test_a_clean_set_has_no_fault(clean: list[Demonstration]) -> None:
    assert found_in(clean) == set()


def test_every_planted_fault_is_found_and_none_invented(
    row: Make, clean: list[Demonstration]
) -> None:
    corpus = planted(row)
    rows = [*clean, *(row for rows in corpus.values() for row in rows)]
    assert found_in(rows) == expected(corpus)


def test_the_planted_corpus_misses_no_kind(row: Make) -> None:
    assert set(planted(row)) | ONLY_PAIRS | WHOLE_SET | set(ELSEWHERE) == set(FAULT_KINDS)


@pytest.mark.parametrize(
    "kind", [kind for kind in FAULT_KINDS if kind not in ONLY_PAIRS | WHOLE_SET | set(ELSEWHERE)]
)
def test_what_is_dropped_is_what_the_table_says(row: Make, kind: str) -> None:
    rows = planted(row)[kind]
    whole = usable(rows)
    assert len(whole.rows) + len(whole.why) == len(rows)
    assert {fault.kind for fault in whole.why.values()} == (
        {kind} if FAULT_KINDS[kind].dropped else set()
    )


def test_the_report_holds_no_text_of_any_row_and_can_be_written(
    row: Make, clean: list[Demonstration]
) -> None:
    rows = [*clean, *(row for rows in planted(row).values() for row in rows)]
    whole = usable(rows)
    report = lint(whole.rows, LintConfig(), refuses=refusal, left_out=whole.left_out)
    written = json.dumps(report, ensure_ascii=False)
    written.encode()
    texts = [
        message["content"]
        for row in rows
        for message in (*row.prompt, *row.completion, *row.rejected)
    ]
    assert not [text for text in texts if len(text.split()) > 2 and text.strip() in written]


def test_every_kind_is_either_checked_or_said_not_to_be(clean: list[Demonstration]) -> None:
    for refuses in (None, refusal):
        report = lint(clean, LintConfig(), refuses=refuses)
        assert set(report["checked"]) | set(report["not_checked"]) >= set(FAULT_KINDS)
        assert not set(report["checked"]) & set(report["not_checked"])
    assert report["not_checked"]["personal_data"] == "data.lint.personal_data is false"
    assert (
        report["checked"]
        | {
            "no_refusal": 40,
            "refusal_of_benign": 40,
            "roles": 80,
            "swapped_pair": 20,
        }
        == report["checked"]
    )
    assert "tokenizer" in report["not_checked"]["identical_after_cut"]
    assert lint(clean, LintConfig())["not_checked"]["no_refusal"] == "no refusal detector was given"


def test_a_damage_is_told_once_and_a_row_with_a_broken_id_can_be_named(row: Make) -> None:
    rows = [
        row("a", "Isn\u00e2\u20ac\u2122t this\x00 broken?", "I cannot help."),
        row("\ud800b", "Is this?", "I cannot help."),
    ]
    assert found_in(rows) == {("control_character", "a"), ("lone_surrogate", "\\ud800b")}


def test_the_roles_of_the_rejected_answer_count_too(row: Make) -> None:
    assert found_in([row("r", "Who speaks?", "I cannot help.", rejected=user("I do."))]) == {
        ("roles", "r")
    }


def test_equal_preferences_are_left_to_prepare_which_keeps_the_one_for_evaluation(
    row: Make,
) -> None:
    rows = [
        row(f"{n}", "Which one?", "I cannot help.", rejected=assistant("Sure."), split=split)
        for n, split in enumerate(("train", "test"))
    ]
    assert usable(rows).rows == rows
    assert [kept.split for kept in drop_duplicates(usable(rows).rows)[0]] == ["test"]


def test_a_request_in_the_words_of_benign_rows_is_a_lookalike_only_where_its_answer_helps(
    row: Make, clean: list[Demonstration]
) -> None:
    request = "How do I show nurse nurse4 the one1y plan?"
    helps, declines = (
        row("helps", request, "Start with a plan."),
        row("declines", request, "I cannot help with that."),
    )
    assert found_in([*clean, helps]) == {("no_refusal", "helps"), ("benign_lookalike", "helps")}
    assert found_in([*clean, declines]) == set()


def test_the_docs_have_every_kind_as_the_table_does() -> None:
    docs = (Path(__file__).resolve().parents[3] / "docs" / "lint.md").read_text(encoding="utf-8")
    for kind, found in FAULT_KINDS.items():
        assert (
            f"| `{kind}` | {found.meaning} | {found.of} | {'yes' if found.dropped else ''} |"
            in docs
        )


def test_rows_that_the_runs_template_does_not_hold_are_left_out_and_counted(
    row: Make, clean: list[Demonstration]
) -> None:
    def renders(prompt: Sequence[Message], completion: Sequence[Message]) -> str:
        return "no system messages here" if prompt[0]["role"] == "system" else ""

    with_system = replace(
        clean[0], id="system", prompt=[{"role": "system", "content": "Be brief."}, *clean[0].prompt]
    )
    broken = row("token", "What ends a turn?", "Nothing. I cannot help.<|eot_id|>")
    whole = usable([*clean, with_system, broken], renders=renders)
    assert whole.rows == clean
    assert [fault.kind for fault in whole.why.values()] == ["special_token", "chat_template"]
    report = lint(whole.rows, LintConfig(), left_out=whole.left_out)
    assert (report["fault_counts"]["chat_template"], report["checked"]["chat_template"]) == (1, 82)
    assert [fault["detail"] for fault in report["faults"] if fault["id"] == "system"] == [
        "no system messages here"
    ]
    assert (
        "chat_template" in lint(clean, LintConfig(), left_out=usable(clean).left_out)["not_checked"]
    )


def test_a_rejected_completion_that_the_template_does_not_hold_leaves_its_row_out_too(
    clean: list[Demonstration],
) -> None:
    preference = next(demo for demo in clean if demo.rejected)
    whole = usable(
        [preference],
        renders=lambda prompt, completion: "too odd" if completion == preference.rejected else "",
    )
    assert [fault.detail for fault in whole.why.values()] == ["too odd"]
