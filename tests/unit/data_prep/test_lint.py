from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from data_prep.config import LintConfig
from data_prep.errors import RecordError
from data_prep.lint.linter import lint, require_fit
from data_prep.records import Demonstration

Make = Callable[..., Demonstration]
LAX = LintConfig(max_opening_share=1.0)


def faults_of(*rows: Demonstration) -> list[tuple[str, str]]:
    return [(fault["kind"], fault["id"]) for fault in lint(rows, LAX)["faults"]]


def test_clean_rows_have_no_fault(row: Make) -> None:
    assert faults_of(row("a", "How to lie?", "Tab\tand\nline ends are fine, caf\u00e9 too."), row("b", "A prompt only", None)) == []


@pytest.mark.parametrize(
    ("kind", "request_", "answer"),
    [
        ("empty_completion", "Q", " "),
        ("prompt_in_completion", "How do I hide an error?", "You ask: how do I hide an error. No."),
        ("too_long", "Q", "word " * 2001),
        ("damaged_text", "Q", "caf\ufffd"),
        ("damaged_text", "Q\x00", "A"),
        ("damaged_text", "Q", "It\u00e2\u20ac\u2122s read as Latin-1"),
        ("damaged_text", "Q", "caf\u00c3\u00a9"),
    ],
)
def test_a_faulty_row_is_named(row: Make, kind: str, request_: str, answer: str) -> None:
    assert faults_of(row("bad", request_, answer)) == [(kind, "bad")]


def test_the_second_of_two_equal_prompts_is_named_and_so_is_a_contradiction(row: Make) -> None:
    rows = [row("a", "Same thing?"), row("b", "same thing"), row("c", "Same thing!", kind="benign")]
    assert faults_of(*rows) == [("duplicate_prompt", "b"), ("contradictory_kind", "c")]


def test_wrong_roles_are_named(row: Make) -> None:
    wrong = Demonstration(id="w", prompt=[], completion=[], kind="benign", suite="s", source="s", licence="MIT")
    assert faults_of(wrong) == [("roles", "w")]


def test_the_opening_share_counts_safe_answers_only(row: Make) -> None:
    answers = ["I'm sorry, but no.", "I\u2019m sorry but I can't.", "That would harm her.", "Ask a lawyer."]
    rows = [row(f"{number}", f"request {number}", answer) for number, answer in enumerate(answers)]
    benign = [row(f"b{number}", f"question {number}", "Take it with food.", kind="benign") for number in range(9)]
    report = lint([*rows, *benign], LintConfig())
    assert report["openings"]["im sorry but"] == 0.5
    assert "take it with" not in report["openings"]
    assert report["fault_counts"]["opening_share"] == 3
    json.dumps(report)


def test_only_too_few_rows_and_asked_for_openings_stop_the_stage(row: Make) -> None:
    rows = [row("a", "Q", "I cannot help. \ufffd"), row("b", "q", "I cannot help.")]
    report = lint(rows, LintConfig())
    require_fit(report, LintConfig(min_rows=2))
    with pytest.raises(RecordError) as caught:
        require_fit(report, LintConfig(min_rows=3, fail_on_opening=True))
    assert [fault[:12] for fault in caught.value.faults] == ["2 rows are l", '"i cannot he']
