"""RewardBench's rows: prompt, chosen, rejected, subset; texts or messages, as the benchmark's first
version ships them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.sources.rows import read_rows
from data_prep.sources.tables import files_of
from eval.label_sets.hh_rlhf import Sides, pair_set
from eval.label_sets.items import LabelSet, rows_of
from records.roles import role_fault
from records.rows import Message, assistant, user

KNOWN = frozenset({"prompt", "chosen", "rejected", "subset"})
NOTE = (
    "RewardBench: of two completions the benchmark's authors hold one for better. Outside its "
    "safety subsets better is not less harmful, and a scorer of harm has no claim there."
)


def read(path: Path, name: str) -> LabelSet:
    """A table, JSON Lines or Parquet file, or a folder of them.

    Raises RecordError with every fault.
    """
    rows = read_rows(files_of(path), lambda file: rows_of(file, known=KNOWN), _sides)
    return pair_set(name, rows, kind="rewardbench", note=NOTE)


def _sides(row: dict[str, Any]) -> Sides:
    prompt = _messages(row, "prompt", user)
    chosen, rejected = (_messages(row, column, assistant) for column in ("chosen", "rejected"))
    for side in (chosen, rejected):
        if fault := role_fault(prompt, side):
            raise ValueError(fault)
    # Without names the sides stand for themselves, so that a table by writer still shows something.
    writers = str(row.get("chosen_model") or "chosen"), str(row.get("rejected_model") or "rejected")
    return Sides(
        prompt, chosen, rejected, str(row.get("subset") or ""), str(row.get("id", "")), writers
    )


def _messages(row: dict[str, Any], column: str, speaker: Any) -> list[Message]:
    value = row.get(column)
    if isinstance(value, str):
        return list(speaker(value.strip()))
    if (
        isinstance(value, list)
        and value
        and all(isinstance(part, dict) and {"role", "content"} <= set(part) for part in value)
    ):
        found: list[Message] = []
        for part in value:
            found.append({"role": str(part["role"]), "content": str(part["content"])})
        return found
    hint = (
        "; RewardBench 2's lists of completions are not read, make a row of each pair"
        if isinstance(value, list)
        else ""
    )
    raise ValueError(
        f"{column}: wanted a text or messages with role and content, got "
        f"{type(value).__name__}{hint}"
    )
