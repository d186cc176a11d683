"""An evaluation depends on what its conditions say and on the files that they read."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.config import ConditionConfig, EvalConfig
from pipeline.evaluating import condition_files
from pipeline.run.config import RunConfig
from records.errors import RecordError


def files_of(*conditions: ConditionConfig) -> dict[str, str]:
    return condition_files(RunConfig(eval=EvalConfig(conditions=list(conditions))))


def test_a_changed_file_of_paraphrases_is_another_evaluation(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt_id": "a", "text": "One"}\n', encoding="utf-8")
    named = ConditionConfig(name="paraphrase", path=str(path))
    before = files_of(named)
    assert set(before) == {"condition paraphrase", str(path)}
    path.write_text('{"prompt_id": "a", "text": "Two"}\n', encoding="utf-8")
    assert files_of(named)[str(path)] != before[str(path)]


def test_all_faults_of_conditions_are_known_before_anything_runs() -> None:
    absent = ConditionConfig(name="translation", path="/nowhere.jsonl")
    with pytest.raises(RecordError) as caught:
        files_of(
            absent,
            ConditionConfig(name="roleplay"),
            ConditionConfig(name="paraphrase", path="/none.jsonl", optional=True),
        )
    assert len(caught.value.faults) == 2
    assert "/nowhere.jsonl: no such file" in caught.value.faults[0]
