"""A data set as MLCommons' own library reads it from the metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlcroissant as mlc  # type: ignore[import-untyped]

from records.rows import (
    Pair,
    assistant,
    read_json_lines,
    user,
)


def dataset(folder: Path) -> mlc.Dataset:
    """Raises mlcroissant's ValidationError on any error."""
    return mlc.Dataset(jsonld=str(folder / "croissant.json"))


def warnings(found: mlc.Dataset) -> set[str]:
    return {str(warning).split("] ", 1)[-1] for warning in found.metadata.ctx.issues.warnings}


def plain(value: Any, prefix: str) -> Any:
    """The library's names are paths (prompts/prompt/role) and its texts are bytes."""
    if isinstance(value, dict):
        return {name.removeprefix(f"{prefix}/"): plain(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part, prefix) for part in value]
    return value.decode() if isinstance(value, bytes) else value


def read_back(found: mlc.Dataset, name: str) -> list[dict[str, Any]]:
    return [plain(row, name) for row in found.records(name)]


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_json_lines(path)]


def a_pair(number: int, **changed: Any) -> Pair:
    made: dict[str, Any] = {
        "id": f"p{number}", "prompt": user("Q"), "chosen": assistant("No."),
        "rejected": assistant("Yes."), "prompt_id": "a",
        "pair_type": "harm", "kind": "harmful", "split": "train", "chosen_source": "demonstration",
        "rejected_source": "base",
        "chosen_score": 1.25, "rejected_score": 4.5, "margin": 3.25, "principle": 3,
        "rejected_finished": False,
    }  # fmt: skip
    return Pair(**(made | changed))
