"""The heads that label the reward model's examples: words alone, nothing that measures a policy."""

from __future__ import annotations

import pytest
from present import present

from data_prep.sources.builtin import package_rows
from reward.factors.teacher import BLOCKS, COHERENT, COMPLIES, WordsTeacher
from tests.unit.reward.factors.conftest import completion


@pytest.fixture(scope="module")
def teacher() -> WordsTeacher:
    return WordsTeacher()


def test_helpful_texts_are_above_declines_and_loops_below_both_sides_of_a_half(
    teacher: WordsTeacher,
) -> None:
    rows = [row for number in range(1, 10) for row in package_rows(f"principle_{number}.jsonl")[:3]]
    gives = teacher.score(
        [completion(f"g{k}", row["benign_answer"], row["harmful"]) for k, row in enumerate(rows)]
    )
    declines = teacher.score(
        [completion(f"d{k}", row["safe_answer"], row["harmful"]) for k, row in enumerate(rows)]
    )
    loops = teacher.score(
        [
            completion(f"l{k}", "the model is the model " * 12, row["harmful"])
            for k, row in enumerate(rows)
        ]
    )
    assert (
        sum(present(a.value) > present(b.value) for a, b in zip(gives, declines, strict=True)) >= 25
    )
    assert max(present(score.value) for score in loops) < 0.5


def test_the_prompt_moves_nothing_and_no_embedding_is_asked_for(teacher: WordsTeacher) -> None:
    one, other = teacher.score(
        [
            completion("a", "First open the chart.", "How?"),
            completion("b", "First open the chart.", "Why?"),
        ]
    )
    assert one.value == other.value
    assert set(BLOCKS) == {"completion_words", "counts"}


def test_what_it_cannot_read_is_unscored_in_its_place(teacher: WordsTeacher) -> None:
    found = teacher.score(
        [completion("a", "Sure, first do it."), completion("b", " "), completion("c", "Первый шаг")]
    )
    assert [score.completion_id for score in found] == ["a", "b", "c"]
    assert [score.value is None for score in found] == [False, True, True]
    assert all(score.reason for score in found[1:])


def test_its_heads_measure_nothing(teacher: WordsTeacher) -> None:
    """The factors that reports show are other heads."""
    assert {COMPLIES, COHERENT} <= set(teacher.bundle.heads)
    assert not {COMPLIES, COHERENT} & {"complies", "coherent", "refusal", "request"}
    for name in (COMPLIES, COHERENT):
        assert teacher.bundle.heads[name].blocks == BLOCKS
