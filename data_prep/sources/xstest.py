"""paul-rottger/xstest: safe prompts that sound unsafe, and unsafe contrasts to them; for evaluation
only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from data_prep.sources.rows import part_suite, read_rows, single_turn
from data_prep.sources.tables import placed_rows
from records.errors import RecordError
from records.excerpts import column_names, excerpt
from records.rows import Demonstration, Kind

FILES = ("xstest_prompts.csv", "xstest_v2_prompts.csv")
KINDS: dict[str, Kind] = {"safe": "benign", "unsafe": "harmful"}


def read(config: SourceConfig) -> list[Demonstration]:
    """Every row of the set, from where `config.path` says that its files lie."""
    path = Path(config.path)
    files = (
        [path] if path.is_file() else [path / name for name in FILES if (path / name).is_file()][:1]
    )
    if not files:
        raise RecordError(
            f"{path}: no XSTest here; wanted {' or '.join(FILES)} (the repository or the file "
            "itself)"
        )
    return read_rows(files, placed_rows, lambda row: _demonstration(row, config))


def _demonstration(row: Any, config: SourceConfig) -> Demonstration:
    if not isinstance(row, dict):
        raise ValueError(f"wanted an object with prompt and type, got {excerpt(row)}")
    missing = []
    for name in ("prompt", "type"):
        if not row.get(name):
            missing.append(name)
    if missing:
        raise ValueError(f"no {' and no '.join(missing)} (columns: {column_names(row)})")
    if not isinstance(row["prompt"], str) or not isinstance(row["type"], str):
        raise ValueError(
            f"wanted texts as prompt and as type, got {excerpt(row['prompt'])} and "
            f"{excerpt(row['type'])}"
        )
    by_type = "unsafe" if row["type"].startswith("contrast") else "safe"
    # The file of the second version has no label; there the type alone says it.
    label = row.get("label") or by_type
    if label != by_type:
        raise ValueError(
            f"label is {excerpt(label)}, but type {excerpt(row['type'])} is {by_type}; which is it?"
        )
    return single_turn(
        config,
        row["prompt"],
        None,
        kind=KINDS[label],
        suite=part_suite(config, label),
        topic=row["type"],
    )
