"""Rows of any known shape in JSON Lines, JSON, CSV or Parquet; a folder stands for all such files
in it.
"""

from __future__ import annotations

from pathlib import Path

from data_prep.config import SourceConfig
from data_prep.source_kind import SourceKind
from data_prep.sources.rows import SourceRows, table_of
from data_prep.sources.tables import files_of, read_files


def read(config: SourceConfig) -> SourceRows:
    """Every row of the set, from where `config.path` says that its files lie."""
    return table_of(read_files(files_of(Path(config.path)), config))


SOURCE = SourceKind(read=read)
