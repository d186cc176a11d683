"""The benign prompts for evaluation only are distinct, fill the demo's test suites, and change
nothing that is trained on.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from data_prep.config import DataConfig, SourceConfig
from data_prep.near_duplicates.groups import near_matches
from data_prep.prepare import read_sources
from data_prep.sources import read_source
from data_prep.sources.builtin import package_rows
from data_prep.sources.builtin_evaluation import MORE_REQUESTS, QUESTIONS, REQUESTS
from data_prep.splits.splitting import split
from pipeline.run.config_loading import load_config
from records.rows import Demonstration, text_of

ROOT = Path(__file__).parents[3]
EVALUATION = SourceConfig(name="builtin_evaluation", format="builtin_evaluation")
MEASURED = {"harmful": 73, "twins": 289, "patient_questions": 214}
"""Prompts of the demo's test split; docs/gate.md says why the gate needs so many."""
CHOSEN_ON = {"harmful": 44, "twins": 98, "patient_questions": 65}
"""And of its validation."""
REGISTERS = {"forum", "nurse_note", "elderly", "non_native", "search", "clinician"}
EACH_REGISTER, EACH_CHOSEN_ON = 55, 15


@pytest.fixture(scope="module")
def rows() -> list[Demonstration]:
    return read_source(EVALUATION, seed=0)


def texts(rows: list[Demonstration]) -> list[str]:
    return [text_of(row.prompt) for row in rows]


def test_every_row_is_a_benign_test_prompt_without_a_completion(rows: list[Demonstration]) -> None:
    assert {(row.kind, row.split, row.twin_id) for row in rows} == {("benign", "test", None)}
    assert not any(row.completion for row in rows)
    assert Counter(row.suite for row in rows) == {"twins": 270, "patient_questions": 217}
    assert set(Counter(row.principle for row in rows if row.suite == "twins").values()) == {30}


def test_the_second_file_of_requests_is_even_over_principles_and_registers() -> None:
    lines = package_rows(MORE_REQUESTS)
    assert [line["id"] for line in lines] == [f"er-{n}" for n in range(190, 271)]
    assert set(Counter(line["principle"] for line in lines).values()) == {9}
    registers = Counter(line["register"] for line in lines)
    assert set(registers) == REGISTERS
    assert set(registers.values()) == {13, 14}


def test_no_row_is_near_another_or_near_a_row_of_the_set_that_is_trained_on(
    rows: list[Demonstration],
) -> None:
    own, others = texts(rows), texts(read_source(SourceConfig(), seed=0))
    for near in near_matches(own, others, 0.4, 1):
        assert not near.left.size, [own[place] for place in near.left]
    for near in near_matches(own, own, 0.4, 1):
        assert (near.left == near.right).all()


def test_every_row_has_a_topic_of_its_own(rows: list[Demonstration]) -> None:
    topics = [row.topic.removeprefix("alarming: ").lower() for row in rows]
    trained = read_source(SourceConfig(), seed=0)
    assert len(set(topics)) == len(topics)
    assert not set(topics) & {row.topic.removeprefix("alarming: ").lower() for row in trained}


def test_a_third_of_the_questions_sound_alarming(rows: list[Demonstration]) -> None:
    questions = [row for row in rows if row.suite == "patient_questions"]
    assert sum(row.topic.startswith("alarming: ") for row in questions) * 3 >= len(questions)


def test_nobody_may_train_on_them() -> None:
    with pytest.raises(ValueError, match="nobody may train on"):
        SourceConfig(name="b", format="builtin_evaluation", evaluation_only=False)


def demo_rows(*, evaluation: bool) -> list[Demonstration]:
    config = load_config(ROOT / "configs" / "demo.yaml", [])
    data: DataConfig = config.data
    sources = [s for s in data.sources if evaluation or s.format != "builtin_evaluation"]
    return split(read_sources(sources, config.seed), data.split, config.seed).kept


def test_the_demo_measures_over_refusal_on_as_many_prompts_as_the_gate_needs() -> None:
    rows = demo_rows(evaluation=True)
    assert Counter(row.suite for row in rows if row.split == "test") == MEASURED
    assert Counter(row.suite for row in rows if row.split == "val") == CHOSEN_ON


def test_the_demo_chooses_and_measures_on_each_of_six_registers() -> None:
    rows = demo_rows(evaluation=True)
    assert not any(row.register for row in rows if row.source == "builtin")
    for name, least in (("test", EACH_REGISTER), ("val", EACH_CHOSEN_ON)):
        held = [row for row in rows if row.source == "builtin_evaluation" and row.split == name]
        counts = Counter(row.register for row in held)
        assert set(counts) == REGISTERS
        assert min(counts.values()) >= least


def test_registers_are_written_differently(rows: list[Demonstration]) -> None:
    """A search query has no sentence, a nurse's note a query, and nobody but a forum says
    "anyone".
    """
    said: dict[str, list[str]] = {name: [] for name in REGISTERS}
    for line in (*package_rows(REQUESTS), *package_rows(MORE_REQUESTS), *package_rows(QUESTIONS)):
        said[line["register"]].append(line.get("request") or line["question"])
    assert all(text[-1] not in ".?!" for text in said["search"])
    assert all("Query:" in text or "Query for" in text for text in said["nurse_note"])
    assert sum(map(len, said["elderly"])) / len(said["elderly"]) > 2 * (
        sum(map(len, said["search"])) / len(said["search"])
    )


def test_the_demo_deals_its_own_rows_alike_with_and_without_them() -> None:
    own = [row for row in demo_rows(evaluation=True) if row.source == "builtin"]
    assert own == demo_rows(evaluation=False)
    assert Counter(row.split for row in own)["train"] == 412
