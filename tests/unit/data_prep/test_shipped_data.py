"""What we ship keeps the promises of its data card."""

from __future__ import annotations

from collections import Counter

import pytest

from data_prep.config import LintConfig, SourceConfig, SplitConfig
from data_prep.lint.linter import lint, usable
from data_prep.sources import read_source
from data_prep.splits.splitting import split
from records.rows import Demonstration, text_of
from reward.refusal.rule import refusal


@pytest.fixture(scope="module")
def rows() -> list[Demonstration]:
    return read_source(SourceConfig(), seed=0)


def test_every_principle_has_at_least_30_harmful_requests(rows: list[Demonstration]) -> None:
    counts = Counter(row.principle for row in rows if row.kind == "harmful")
    assert sorted(counts) == list(range(1, 10))  # type: ignore[type-var]
    assert min(counts.values()) >= 30


def test_every_harmful_request_has_a_safe_answer_and_a_twin_with_an_answer(
    rows: list[Demonstration],
) -> None:
    by_id = {row.id: row for row in rows}
    for row in rows:
        assert text_of(row.completion)
        if row.kind == "harmful":
            twin = by_id[row.twin_id or ""]
            assert (twin.kind, twin.twin_id, twin.principle) == ("benign", row.id, row.principle)


def test_no_three_words_open_more_than_a_fifth_of_the_safe_answers(
    rows: list[Demonstration],
) -> None:
    assert max(lint(rows, LintConfig())["openings"].values()) <= 0.2


def test_a_third_of_at_least_150_questions_sound_alarming(rows: list[Demonstration]) -> None:
    questions = [row for row in rows if row.suite == "patient_questions"]
    assert len(questions) >= 150
    assert sum(row.topic.startswith("alarming: ") for row in questions) * 3 >= len(questions)


def test_no_id_and_no_prompt_occurs_twice(rows: list[Demonstration]) -> None:
    assert len({row.id for row in rows}) == len({text_of(row.prompt) for row in rows}) == len(rows)


def test_lint_finds_no_fault(rows: list[Demonstration]) -> None:
    whole = usable(rows)
    assert lint(whole.rows, LintConfig(), refuses=refusal, left_out=whole.left_out)["faults"] == []


@pytest.mark.parametrize("seed", [0, 1])
def test_twins_never_straddle_splits(rows: list[Demonstration], seed: int) -> None:
    kept = split(rows, SplitConfig(), seed).kept
    place = {row.id: row.split for row in kept}
    assert all(place[row.twin_id] == row.split for row in kept if row.twin_id)
    assert len(kept) == len(rows)
