"""Two completions or several, and what says which is better: sides, scores, grades and ranks."""

from __future__ import annotations

from typing import Any

import pytest
from shape_rows import NO, YES, Q, Read, fault_of, message, sides


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
