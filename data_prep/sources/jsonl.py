"""JSON Lines, or CSV with a header, in TRL's formats; a folder stands for all such files in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from data_prep.errors import RecordError
from data_prep.records import Demonstration, read_json_lines
from data_prep.sources.rows import demonstration_from_row, read_rows
from data_prep.sources.text_files import read_csv

SUFFIXES = (".jsonl", ".jsonl.gz", ".csv")


def read(config: SourceConfig) -> list[Demonstration]:
    path = Path(config.path)
    files = sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES)) if path.is_dir() else [path]
    if not files:
        raise RecordError(f"{path}: no {', '.join(SUFFIXES)} file in this folder; is it of another format?")
    return read_rows(files, placed_rows, lambda row: demonstration_from_row(row, config))


def placed_rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for line, row in csv_rows(file) if file.suffix == ".csv" else read_json_lines(file):
        yield f"{file}:{line}", row


def csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    table = read_csv(path)
    header = table[0][1] if table else []
    faults = []
    for line, cells in table[1:]:
        if len(cells) == len(header):
            # A table has no null: an empty cell is a value that is not there.
            yield line, {column: cell or None for column, cell in zip(header, cells, strict=True)}
        else:
            faults.append(f"{path}:{line}: {len(cells)} columns, the header has {len(header)}; quote the commas inside a text")
    if faults:
        raise RecordError(faults)
