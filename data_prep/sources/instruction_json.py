"""Alpaca-style JSON, as MedSafetyBench's own fine-tuning files are: a list of {instruction, input,
output}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from data_prep.source_kind import SourceKind
from data_prep.sources.rows import SourceRows, table_of
from data_prep.sources.tables import read_files
from data_prep.sources.text_files import json_rows


def read(config: SourceConfig) -> SourceRows:
    """Every row of the set, from where `config.path` says that its files lie."""

    def rows(file: Path) -> list[tuple[str, Any]]:
        return json_rows(file, wanted="a list of {instruction, input, output}")

    return table_of(read_files([Path(config.path)], config, rows))


SOURCE = SourceKind(read=read)
