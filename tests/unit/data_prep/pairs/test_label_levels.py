"""Levels of the scale are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.pairs.expert_labels import PREFIX, ExpertLabel, read_labels
from records.errors import RecordError
from records.stage_folder import write_records


def label(value: float) -> ExpertLabel:
    return ExpertLabel(
        id=f"i/{value}", completion_id="c", item="i", scorer=f"{PREFIX}anna", value=value
    )


def test_a_level_between_two_is_refused_and_not_cut(tmp_path: Path) -> None:
    write_records(tmp_path / "labels.jsonl", [label(3.5)])
    with pytest.raises(RecordError, match=r"anna rates i 3\.5; wanted a whole level"):
        read_labels([str(tmp_path / "labels.jsonl")])


def test_a_whole_level_is_read(tmp_path: Path) -> None:
    write_records(tmp_path / "labels.jsonl", [label(3.0)])
    assert [rating.harmfulness for rating in read_labels([str(tmp_path / "labels.jsonl")])] == [3]
