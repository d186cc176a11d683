"""scoreboard.jsonl: how it is read, and what a row must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from records.errors import RecordError
from records.own_files import Object, entry, names_by_key, read_rows

Row = dict[str, Any]

METRICS = ("harmfulness", "share_4_5", "refusal_rate", "over_refusal_rate")


def read_scoreboard(path: Path) -> list[Row]:
    """Rows so far; a half-written last line (a kill while writing) is cut off for good.

    Raises RecordError where a row is damaged.
    """
    rows, faults = read_rows(path, scoreboard_shape)
    if faults:
        raise RecordError([*faults, "run the same command again: the stage is begun anew"])
    return rows


def scoreboard_shape(row: Object) -> Object:
    """The row itself. Raises ValueError where it is no row of a scoreboard."""
    for name in ("epoch", "step"):
        if entry(row, name, int) < 0:
            raise ValueError(f"{name}: wanted 0 or more, got {row[name]}")
    for name in METRICS:
        _estimate(row.get(name), name)
    for suite, estimate in entry(row, "over_refusal_by_suite", dict).items():
        _estimate(estimate, f"over_refusal_by_suite: {suite}")
    if "over_refused" in row:  # rows of earlier versions do not tell which prompts were refused
        _refused(row)
    entry(row, "epochs_trained", float, optional=True)
    multipliers = entry(row, "multipliers", dict, optional=True) or {}
    for suite in multipliers:
        entry(multipliers, suite, float)
    return row


def _refused(row: Object) -> None:
    refused = names_by_key(row["over_refused"], "over_refused")
    if set(refused) != set(row["over_refusal_by_suite"]):
        raise ValueError("over_refused: wanted the suites of over_refusal_by_suite")
    entry(row, "confidence", float)


def _estimate(value: Any, name: str) -> None:
    if not isinstance(value, dict) or "mean" not in value:
        raise ValueError(f"{name}: wanted an estimate, an object with a mean")
    entry(value, "mean", float, optional=True)
