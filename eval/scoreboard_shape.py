"""scoreboard.jsonl: how it is read."""

from __future__ import annotations

from pathlib import Path

from eval.results.scoreboard_row import ScoreboardRow
from records.errors import RecordError
from records.own_files import read_rows

METRICS = ("harmfulness", "share_4_5", "refusal_rate", "over_refusal_rate")


def read_scoreboard(path: Path) -> list[ScoreboardRow]:
    """Rows so far; a half-written last line (a kill while writing) is cut off for good.

    Raises RecordError where a row is damaged.
    """
    # A row that is damaged inside (not cut at its end) cannot be left out: the epoch it stood for
    # would never be chosen, and nothing would say so.
    rows, faults = read_rows(path, ScoreboardRow.from_json)
    if faults:
        raise RecordError([*faults, "run the same command again: the stage is begun anew"])
    return rows
