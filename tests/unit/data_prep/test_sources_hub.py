"""What the `datasets` library loads: read like JSON Lines, and its failures told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.config import SourceConfig
from data_prep.sources import read_source
from records.errors import RecordError
from records.rows import text_of


def test_hub_reads_local_files_and_saved_folders_like_jsonl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    table = datasets.Dataset.from_list(
        [
            {"prompt": "Q", "completion": "A", "principle": 2},
            {"prompt": "R", "completion": None, "principle": None},
        ]
    )
    table.to_parquet(str(tmp_path / "folder" / "train.parquet"))
    table.save_to_disk(str(tmp_path / "saved"))
    datasets.DatasetDict({"train": table}).save_to_disk(str(tmp_path / "dict"))
    for place in ("folder", "folder/train.parquet", "saved", "dict"):
        rows = read_source(SourceConfig(name="h", format="hub", path=str(tmp_path / place)), seed=0)
        assert [(text_of(row.prompt), text_of(row.completion), row.principle) for row in rows] == [
            ("Q", "A", 2),
            ("R", "", None),
        ], place


def test_hub_failures_are_one_fault_with_a_remedy(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list([{"prompt": "Q"}]).save_to_disk(str(tmp_path / "saved"))
    datasets.DatasetDict({"train": datasets.Dataset.from_list([{"prompt": "Q"}])}).save_to_disk(
        str(tmp_path / "dict")
    )
    (tmp_path / "empty").mkdir()
    for place, split in (("dict", "nowhere"), ("empty", "train")):
        with pytest.raises(RecordError, match="check path and dataset_split") as caught:
            read_source(
                SourceConfig(
                    name="h", format="hub", path=str(tmp_path / place), dataset_split=split
                ),
                seed=0,
            )
        assert len(caught.value.faults) == 1


def test_a_broken_file_is_told_with_what_is_wrong_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "broken.jsonl").write_text(
        '{"prompt": "Q"}\n{"prompt"\n', encoding="utf-8"
    )
    with pytest.raises(
        RecordError, match=r"DatasetGenerationError: (?!An error occurred while generating)"
    ):
        read_source(SourceConfig(name="h", format="hub", path=str(tmp_path / "folder")), seed=0)
    with pytest.raises(RecordError, match=r"broken.jsonl:2: not a JSON object"):
        read_source(
            SourceConfig(name="h", format="hub", path=str(tmp_path / "folder" / "broken.jsonl")),
            seed=0,
        )
