"""What the linter makes of wording: declines, lookalikes, log-odds and openings."""

from __future__ import annotations

import math

import pytest
from lint_corpus import Make, found_in

from data_prep.config import LintConfig
from data_prep.lint.labels import benign_log_odds
from data_prep.lint.linter import lint


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
