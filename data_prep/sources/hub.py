"""Anything that the `datasets` library loads: a hub id, a folder or file of Parquet, JSON or CSV, a `save_to_disk` folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import datasets

from data_prep.config import SourceConfig
from data_prep.errors import RecordError, first_line
from data_prep.records import Demonstration
from data_prep.sources.rows import demonstration_from_row, read_rows

BUILDERS = {".parquet": "parquet", ".json": "json", ".jsonl": "json", ".csv": "csv", ".arrow": "arrow"}
# What `datasets` raises for a missing id, split or file, no network, a broken file and a missing decoder.
LOAD_FAILURES = (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, datasets.exceptions.DatasetsError)


def read(config: SourceConfig) -> list[Demonstration]:
    try:
        table = list(_load(config))
    except LOAD_FAILURES as error:
        raise RecordError(
            f"source {config.name!r}: datasets cannot load {config.path!r}, split {config.dataset_split!r} "
            f"({type(error).__name__}: {first_line(error.__cause__ or error)}); check path and dataset_split; on a node without internet, "
            "download it on the login node and give the folder as path"
        ) from error
    placed = [(f"{config.path} [{config.dataset_split}]: row {number} (counted from 0)", row) for number, row in enumerate(table)]
    return read_rows([Path(config.path)], lambda _: placed, lambda row: demonstration_from_row(row, config))


def _load(config: SourceConfig) -> Iterable[dict[str, Any]]:
    path, split = Path(config.path), config.dataset_split
    if (path / "dataset_dict.json").is_file():
        return datasets.load_from_disk(str(path))[split]  # type: ignore[no-any-return]
    if (path / "state.json").is_file():
        return datasets.load_from_disk(str(path))  # type: ignore[no-any-return]
    if path.is_file() and path.suffix in BUILDERS:
        return datasets.load_dataset(BUILDERS[path.suffix], data_files=str(path), split=split)  # type: ignore[no-any-return]
    return datasets.load_dataset(config.path, config.dataset_config, split=split)  # type: ignore[no-any-return]
