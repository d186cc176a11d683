"""Each format's rows become the prompts of lm-evaluation-harness; what does not fit is named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from eval.capability.config import CapabilityTaskConfig, TaskFormat
from eval.capability.items import read_task, read_tasks
from records.errors import RecordError

OPTIONS = {"A": "rest", "B": "water", "C": "an ambulance", "D": "sleep"}


def task(path: Path, format: TaskFormat, *, optional: bool = False) -> CapabilityTaskConfig:
    return CapabilityTaskConfig(name=format, format=format, path=str(path), optional=optional)


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_medqa_and_medmcqa_read_as_the_harness_writes_them(tmp_path: Path) -> None:
    row = {"question": "A man has chest pain. What first?", "options": OPTIONS, "answer_idx": "C"}
    path = lines(tmp_path / "q.jsonl", row)
    (medqa,), (medmcqa,) = read_task(task(path, "medqa")), read_task(task(path, "medmcqa"))
    listed = "A. rest\nB. water\nC. an ambulance\nD. sleep\nAnswer:"
    assert medqa.context == f"Question: A man has chest pain. What first?\n{listed}"
    assert medmcqa.context == f"Question: A man has chest pain. What first?\nChoices:\n{listed}"
    assert (medqa.choices, medqa.gold) == (["A", "B", "C", "D"], 2)


def test_pubmedqa_keeps_to_the_official_test_ids(tmp_path: Path) -> None:
    rows = {
        key: {"QUESTION": f"Does {key} work?", "CONTEXTS": ["One.", "Two."], "final_decision": said}
        for key, said in (("1", "yes"), ("2", "maybe"))
    }
    path = tmp_path / "ori_pqal.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    assert len(read_task(task(path, "pubmedqa"))) == 2
    (tmp_path / "test_ground_truth.json").write_text('{"2": "maybe"}', encoding="utf-8")
    (item,) = read_task(task(path, "pubmedqa"))
    assert item.context == "Abstract: One.\nTwo.\nQuestion: Does 2 work?\nAnswer:"
    assert item.choices[item.gold] == "maybe"


def test_mmlu_takes_every_subject_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "medical_genetics_test.csv").write_text('"Which, if any?",a,b,c,d,B\n')
    (tmp_path / "anatomy_dev.csv").write_text("not,for,the,test,split,A\n")
    (item,) = read_task(task(tmp_path, "mmlu"))
    head = "The following are multiple choice questions (with answers) about medical genetics.\n\n"
    assert item.context == f"{head}Which, if any?\nA. a\nB. b\nC. c\nD. d\nAnswer:"
    assert (item.gold, item.topic) == (1, "medical_genetics")


@pytest.mark.parametrize(
    ("format", "row", "said"),
    [
        ("medqa", {"question": "q", "answer_idx": "A"}, "no field 'options'"),
        ("medqa", {"question": "q", "options": OPTIONS, "answer_idx": "E"}, "not in tuple"),
        ("choices", {"context": "q", "choices": ["a"], "gold": 0}, "two texts or more"),
        ("choices", {"context": "q", "choices": ["a", "b"], "gold": 2}, "place from 0 to 1"),
        ("choices", {"context": " ", "choices": ["a", "b"], "gold": 1}, "question is empty"),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_its_line(
    tmp_path: Path,
    format: TaskFormat,
    row: dict[str, object],
    said: str,
) -> None:
    path = lines(tmp_path / "bad.jsonl", row)
    with pytest.raises(RecordError, match="line 1") as caught:
        read_task(task(path, format))
    assert said in str(caught.value)


def test_all_tasks_faults_are_told_at_once_and_optional_ones_may_be_absent(tmp_path: Path) -> None:
    there = lines(tmp_path / "c.jsonl", {"context": "q", "choices": ["a", "b"], "gold": 1})
    kept, absent = read_tasks(
        [task(there, "choices"), task(tmp_path / "none", "mmlu", optional=True)]
    )
    assert list(kept) == ["choices"]
    assert str(absent[0]).startswith("task mmlu left out")
    with pytest.raises(RecordError) as caught:
        read_tasks([task(tmp_path / "x", "medqa"), task(tmp_path / "y", "mmlu")])
    assert len(caught.value.faults) == 2


def test_the_real_sets_hold_as_many_items_as_their_papers_say() -> None:
    data = os.environ.get("PRIMUM_TEST_DATA")
    if not data:
        pytest.skip("PRIMUM_TEST_DATA is not set")
    medqa = task(Path(data) / "medqa/phrases_no_exclude_test.jsonl", "medqa")
    medmcqa = task(Path(data) / "medmcqa/medmcqa_val_single_2816.jsonl", "medmcqa")
    pubmedqa = task(Path(data) / "pubmedqa/ori_pqal.json", "pubmedqa")
    assert [len(read_task(one)) for one in (medqa, medmcqa, pubmedqa)] == [1273, 2816, 500]
    assert (
        len({item.topic for item in read_task(task(Path(data) / "mmlu_medical/test", "mmlu"))}) == 9
    )
