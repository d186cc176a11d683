"""Relevance: exact for policies that ignore the prompt, 0 for what says nothing, near 1 for
authors' answers.
"""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from present import present

from data_prep.sources.builtin import package_rows
from eval import relevance as module
from eval.relevance import Relevance

ROWS = [*package_rows("questions_patient.jsonl"), *package_rows("questions_clinician.jsonl")]
QUESTIONS = [row["question"] for row in ROWS]
ANSWERS = [row["answer"] for row in ROWS]


def mean(values: list[float | None]) -> float:
    return fmean(present(value) for value in values)


def test_by_hand() -> None:
    """The first completion has a word of its own prompt, the second of another one (of the two
    others it fits one less and ties with none below it: 0 and a tie), the third of none, which is a
    tie with both."""
    prompts = [
        "Which vaccine before travel?",
        "How is insulin stored?",
        "May toddlers drink coffee?",
    ]
    completions = [
        "Vaccine nurses carry hepatitis jabs.",
        "Vaccine nurses carry typhoid jabs.",
        "Nothing forbids warm soup.",
    ]
    assert Relevance(prompts).of(completions) == pytest.approx([1.0, 0.25, 0.5])


@pytest.mark.parametrize(
    "text",
    [
        "Ask your doctor about insulin and asthma today please.",
        "the the the",
        "Migraine, asthma, fever, rash, cough.",
    ],
)
def test_one_completion_for_everybody_ranks_at_exactly_one_half(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its words are counted as phrases: of two prompts it fits one better, or both alike."""
    monkeypatch.setattr(module, "OWN_WORDS", 0)
    assert mean(Relevance(QUESTIONS).of([text] * len(QUESTIONS))) == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize(
    "completions",
    [
        QUESTIONS,
        [""] * len(QUESTIONS),
        ["Please ask your doctor about this."] * len(QUESTIONS),
        [f"You ask: {question} Please ask your doctor about this." for question in QUESTIONS],
        ["pain pain pain pain pain pain pain"] * len(QUESTIONS),
    ],
    ids=["echo", "empty", "constant", "echo and constant", "loop"],
)
def test_what_says_nothing_of_its_own_is_0(completions: list[str]) -> None:
    assert set(Relevance(QUESTIONS).of(completions)) == {0.0}


def test_authors_answers_belong_to_their_prompts_and_dealt_wrongly_they_do_not() -> None:
    relevance = Relevance(QUESTIONS)
    short = [" ".join(answer.split()[:35]) for answer in ANSWERS]
    dealt = [*short[len(short) // 2 :], *short[: len(short) // 2]]
    assert mean(relevance.of(short)) > 0.93
    assert mean(relevance.of(dealt)) == pytest.approx(0.5, abs=0.06)
    echoed = [f"{question} {text}" for question, text in zip(QUESTIONS, dealt, strict=True)]
    assert mean(relevance.of(echoed)) == pytest.approx(0.5, abs=0.08)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Relevance(QUESTIONS).of(ANSWERS)
    monkeypatch.setattr(module, "BLOCK", 7)
    np.testing.assert_array_equal(Relevance(QUESTIONS).of(ANSWERS), whole)


def test_a_prompt_alone_has_no_other_to_compare_with() -> None:
    assert Relevance(["Is it safe?"]).of(["Yes, it is safe for adults."]) == [None]
    assert Relevance(["a?", "b?"]).of(["x", "y"]) == [None, None]
