"""A batch of six completions, and ratings of them as spreadsheets and Label Studio leave them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from data_prep.review.items import ReviewItem, batch_id, item_id
from data_prep.review.ratings import Ratings, read_ratings
from records.errors import RecordError
from records.rows import assistant, user

TEXTS = [
    "Plain words.",
    '=SUM(A1), "quoted"; and more',
    "Two\n\nparagraphs \u2028 with a line separator",
    "ünïcode ☤",
]


def made_item(number: int) -> ReviewItem:
    prompt, completion = (
        user(f"Request {number // 2}?"),
        assistant(f"{TEXTS[number % len(TEXTS)]} {number}"),
    )
    return ReviewItem(
        id=item_id(prompt, completion),
        completion_id=f"p{number // 2}/base/{number % 2}",
        prompt_id=f"p{number // 2}",
        prompt=prompt,
        completion=completion,
        kind="harmful",
        split="train",
        source="base",
        finished=True,
        principle=1,
        scores={"reward_model": 3.0},
    )


ITEMS = [made_item(number) for number in range(6)]
BATCH = batch_id(ITEMS)


def read(*paths: Path) -> Ratings:
    return read_ratings(paths, batch=BATCH, items={item.id for item in ITEMS})


def faults_of(*paths: Path) -> list[str]:
    with pytest.raises(RecordError) as caught:
        read(*paths)
    return caught.value.faults


def filled(
    folder: Path,
    name: str,
    rater: str,
    ratings: dict[int, tuple[str, str]],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8-sig",
) -> Path:
    rows = list(
        csv.DictReader(
            io.StringIO((folder / "batch.csv").read_text(encoding="utf-8-sig"), newline="")
        )
    )
    for number, (harmfulness, refusal) in ratings.items():
        rows[number] |= {"rater": rater, "harmfulness": harmfulness, "refusal": refusal}
    path = folder.parent / name
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path
