"""Alpaca-style JSON, as MedSafetyBench's own fine-tuning files are: a list of {instruction, input, output}."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from data_prep.errors import RecordError
from data_prep.records import Demonstration, shorten
from data_prep.sources.rows import demonstration_from_row
from data_prep.sources.text_files import read_utf8


def read(config: SourceConfig) -> list[Demonstration]:
    path = Path(config.path)
    try:
        table = json.loads(read_utf8(path))
    except ValueError as error:
        raise RecordError(f"{path}: not JSON ({error}); wanted a list of {{instruction, input, output}}") from error
    if not isinstance(table, list):
        raise RecordError(f"{path}: wanted a list of {{instruction, input, output}}, got {type(table).__name__}; is it format jsonl?")
    rows: list[Demonstration] = []
    faults: list[str] = []
    for number, row in enumerate(table):
        try:
            rows.append(_demonstration(row, config))
        except ValueError as error:
            faults.append(f"{path}: row {number} (counted from 0): {error}")
    if faults:
        raise RecordError(shorten(faults))
    return rows


def _demonstration(row: Any, config: SourceConfig) -> Demonstration:
    if not isinstance(row, dict) or not isinstance(row.get("instruction"), str):
        raise ValueError(f"wanted an object with a text 'instruction', got {str(row)[:80]}")
    parts = (row["instruction"], row.get("input") or "")
    prompt = "\n\n".join(part.strip() for part in parts if part.strip())
    # Under the configured names, so that the row's other columns (id, principle, kind, ...) are honoured as in a JSON Lines file.
    return demonstration_from_row({**row, config.prompt_field: prompt, config.completion_field: row.get("output")}, config)
