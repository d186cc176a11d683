"""Alpaca-style JSON, as MedSafetyBench's own fine-tuning files are: a list of {instruction, input, output}."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from data_prep.records import Demonstration
from data_prep.sources.rows import demonstration_from_row, read_rows
from data_prep.sources.text_files import json_rows


def read(config: SourceConfig) -> list[Demonstration]:
    def rows(file: Path) -> list[tuple[str, Any]]:
        return json_rows(file, wanted="a list of {instruction, input, output}")

    return read_rows([Path(config.path)], rows, lambda row: demonstration_from_row(as_prompt_and_completion(row, config), config))


def as_prompt_and_completion(row: Any, config: SourceConfig) -> dict[str, Any]:
    """The row under the configured names, so that its other columns (id, principle, kind, ...) are honoured as in a JSON Lines file."""
    if not isinstance(row, dict) or not isinstance(row.get("instruction"), str):
        raise ValueError(f"wanted an object with a text 'instruction', got {str(row)[:80]}")
    parts = (row["instruction"], row.get("input") or "")
    prompt = "\n\n".join(part.strip() for part in parts if part.strip())
    return {**row, config.prompt_field: prompt, config.completion_field: row.get("output")}
