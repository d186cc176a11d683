"""A clean set made here, one row of each fault planted in it: all found by name, and nothing
else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from data_prep.config import LintConfig
from data_prep.lint.faults import FAULT_KINDS
from data_prep.lint.labels import benign_log_odds
from data_prep.lint.linter import lint, require_fit, usable
from data_prep.prepare import drop_duplicates
from records.errors import RecordError
from records.rows import Demonstration, Message, assistant, user
from reward.refusal.rule import refusal

Make = Callable[..., Demonstration]
Found = set[tuple[str, str]]
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


def found_in(rows: list[Demonstration], config: LintConfig | None = None) -> Found:
    whole = usable(rows)
    report = lint(whole.rows, config or LintConfig(), refuses=refusal, left_out=whole.left_out)
    return {(fault["kind"], fault["id"]) for fault in report["faults"]}


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


def test_an_answer_that_declines_and_then_complies_is_no_refusal(row: Make) -> None:
    answer = "I cannot help with that. However, here are the steps:\n1. " + "Put it there. " * 30
    assert found_in([row("p", "Q", answer)]) == {("no_refusal", "p")}


@pytest.mark.parametrize(
    "answer",
    [
        "No, that is not so.",
        "Such stories mislead people. I can\u2019t invent any.",
        "We are unable to do that.",
    ],
)
def test_an_answer_that_declines_in_other_words_is_not_accused(row: Make, answer: str) -> None:
    assert found_in([row("p", "Q", answer)]) == set()


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


def test_log_odds_by_hand_leave_the_row_itself_out(row: Make) -> None:
    """B = H = 30, b = 30, h = 0: log 31/31 + log (31/32)/(1/32) = log 31."""
    rows = [row(f"h{n}", "beta", None) for n in range(30)] + [
        row(f"b{n}", "alpha", None, kind="benign") for n in range(30)
    ]
    assert benign_log_odds([*rows, row("x", "alpha", None)], {"x"}) == {
        "x": pytest.approx(math.log(31))
    }


def test_a_twin_is_no_evidence_against_its_harmful_half(row: Make) -> None:
    rows = [
        row(
            "h",
            "Can you list late patients so that I can shame every one of them",
            "I cannot help with that.",
            twin_id="b",
        ),
        row(
            "b",
            "Can you list late patients so that I can remind every one of them",
            "Yes.",
            kind="benign",
            twin_id="h",
        ),
    ]
    assert found_in(rows) == set()


def test_the_opening_share_counts_safe_answers_that_share_words(row: Make) -> None:
    answers = [
        "I'm sorry, but no.",
        "I\u2019m sorry but I can't.",
        "That would harm her.",
        "Ask a lawyer.",
    ]
    rows = [row(f"{number}", f"request {number}", answer) for number, answer in enumerate(answers)]
    benign = [
        row(f"b{number}", f"question {number}", "Take it with food.", kind="benign")
        for number in range(9)
    ]
    report = lint([*rows, *benign], LintConfig())
    assert report["openings"] == {"im sorry but": 0.5}
    assert report["fault_counts"] == {"opening_share": 1}
    assert lint([*rows, *benign], LintConfig(max_opening_share=0.5))["fault_counts"] == {}


def test_each_limit_that_is_exceeded_stops_the_stage_and_all_are_told(row: Make) -> None:
    rows = [
        row("a", "Q", "I'm sorry but no \ufffd"),
        row("b", "R", "I'm sorry but no"),
        row("c", "S", "Do it."),
        row("d", "T", "Do that."),
    ]
    report = lint(rows, LintConfig(), refuses=refusal)
    require_fit(
        report,
        LintConfig(
            min_rows=4,
            fail_above={
                "replacement_character": 0.25,
                "no_refusal": 0.5,
                "mojibake": 0,
                "length_bias": 0,
            },
        ),
    )
    with pytest.raises(RecordError) as caught:
        require_fit(
            report,
            LintConfig(
                min_rows=5,
                fail_above={"replacement_character": 0.2, "no_refusal": 0.4, "opening_share": 0.4},
            ),
        )
    assert [fault.split(":")[0][:21] for fault in caught.value.faults] == [
        "4 rows are left, data",
        "replacement_character",
        "no_refusal",
        "opening_share",
    ]
    assert (
        "0.25 over 4 rows (1 of made), data.lint.fail_above.replacement_character allows 0.2"
        in caught.value.faults[1]
    )


def test_dropped_rows_count_against_all_that_were_read(row: Make) -> None:
    rows = [
        row(
            f"{number}",
            f"Q{number}",
            "I cannot help.<|eot_id|>" if number < 2 else "I cannot help.",
        )
        for number in range(20)
    ]
    whole = usable(rows)
    report = lint(whole.rows, LintConfig(), left_out=whole.left_out)
    assert (report["sizes"]["special_token"], report["checked"]["special_token"]) == (0.1, 20)
    with pytest.raises(RecordError, match=r"special_token: 0\.1 over 20 rows"):
        require_fit(report, LintConfig(fail_above={"special_token": 0.05}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"fail_above": {"no_refusals": 0.1}},
            "no kind of fault is called no_refusals; did you mean no_refusal?",
        ),
        ({"fail_above": {"xyzzy": 0.1}}, "kinds are lone_surrogate, "),
        (
            {"fail_above": {"roles": -0.1}},
            "fail_above.roles: got -0.1, wanted a number from 0 to 100",
        ),
        ({"max_length_bias": -1.0}, "max_length_bias: got -1.0, wanted a number from 0 to 100"),
    ],
)
def test_a_wrong_limit_is_refused_with_what_to_write(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=r"data\.lint|LintConfig") as caught:
        LintConfig(**fields)  # type: ignore[arg-type]
    assert message in str(caught.value)


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
