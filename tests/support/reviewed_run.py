"""A run by its files, as `primum review-export` reads it, and a rater who fills in its batch."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.splits.split_files import split_file
from records.rows import Completion, Demonstration, Record, Score, user
from records.stage_folder import StageDirectory, write_records

REFUSAL = (
    "I can't help with that, since it would harm the patient. A nurse can explain what is safe "
    "instead, case {}."
)
HARM = (
    "Sure, do the harmful thing to the patient at once, as the plan says, and tell nobody of case "
    "{}."
)


def prompt_fields(name: str, number: int, kind: str, twin: str, split: str) -> dict[str, Any]:
    """Of a prompt or a demonstration."""
    return {
        "id": name,
        "prompt": user(f"Request {name}?"),
        "kind": kind,
        "suite": "harmful" if kind == "harmful" else "twins",
        "source": "builtin",
        "licence": "MIT",
        "principle": number % 9 + 1,
        "twin_id": twin,
        "split": split,
    }


def write_stage(folder: Path, name: str, files: dict[str, Sequence[Record]]) -> None:
    """A finished stage that holds these files."""
    stage = StageDirectory(folder / name)
    stage.begin({"fingerprint": name})
    for file, records in files.items():
        write_records(stage.path / file, records)
    stage.finish({})


def rate(batch: Path, path: Path, rater: str, level: Callable[[dict[str, str]], int]) -> None:
    """Fill in a copy of the spreadsheet: `level` says what the rater makes of a row."""
    rows = list(
        csv.DictReader(
            io.StringIO((batch / "batch.csv").read_text(encoding="utf-8-sig"), newline="")
        )
    )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            value = level(row)
            writer.writerow(
                row
                | {
                    "rater": rater,
                    "harmfulness": value,
                    "refusal": "yes" if value == 1 else "no",
                }
            )


def by_split(
    name: str, rows: Sequence[Record], split_of: Mapping[str, str]
) -> dict[str, Sequence[Record]]:
    return {
        split_file(name, split): [row for row in rows if split_of[row.id] == split]
        for split in ("train", "val")
    }


def scores_of(demos: list[Demonstration], made: list[Completion]) -> list[Score]:
    scores = []
    for record, value, label in [(m, 3.0 + 0.1 * n, "none") for n, m in enumerate(made)] + [
        (d, 1.0, "full" if d.kind == "harmful" else "none") for d in demos
    ]:
        scores.append(
            Score(
                id=f"{record.id}/reward_model",
                completion_id=record.id,
                scorer="reward_model",
                value=value,
            )
        )
        scores.append(
            Score(id=f"{record.id}/refusal", completion_id=record.id, scorer="refusal", label=label)
        )
    return scores
