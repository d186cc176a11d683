"""What of a run's data may be handed on: a copy without any completion of a harmful prompt, with
its card.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data_prep.cards.dataset_readme import Table, dataset_header, table, write_readme
from data_prep.splits.split_files import split_file
from records.errors import RecordError
from records.escaping import json_text, yaml_text
from records.licences import may_be_passed_on
from records.rows import Demonstration, Pair, Prompt, read_records
from records.run_files import LEARNED_FROM, PROMPTS, SPLITS
from records.stage_folder import write_records, write_text


@dataclass(frozen=True)
class DataCard:
    """What the card of shared rows says besides what is in them."""

    title: str
    of: Literal["model", "prep", "pairs"]
    languages: tuple[str, ...] = ("en",)


def write_shared(stage: Path, folder: Path, card: DataCard) -> Iterator[str]:
    """Copy the rows of `prep` or `pairs` that may be passed on, split by split; sentences on what
    stays.

    Prompts go as they are; harmful ones lose their completion, and pairs of harmful prompts are
    left out. Raises RecordError where a row's licence forbids to pass it on.
    """
    made = _prep(stage, folder) if card.of == "prep" else _pairs(stage, folder)
    tables, licences, kept, left = made
    # After all rows were looked at, so that every licence is named at once.
    forbidden = sorted(name for name in licences if not may_be_passed_on(name))
    if forbidden:
        raise RecordError(
            f"{stage}: rows under {', '.join(forbidden)}, which does not let them be passed on, "
            "wanted rows that may be; leave these sources out and run the stage again"
        )
    write_readme(folder, card.title, tables)
    path = folder / "README.md"
    write_text(path, dataset_header(path.read_text(encoding="utf-8"), _lines(card, licences)))
    yield f"{kept} rows under {', '.join(sorted(licences)) or 'no licence'}"
    if left:
        yield f"{left} completions of harmful prompts stay in the run"


Made = tuple[list[Table], Counter[str], int, int]


def _prep(stage: Path, folder: Path) -> Made:
    licences: Counter[str] = Counter()
    left = 0
    for split in SPLITS:
        prompts = read_records(stage / split_file("prompts", split), Prompt)
        rows = read_records(stage / split_file("demonstrations", split), Demonstration)
        # The prompt stays: it is what others can measure with, and no completion is harmful by
        # itself there.
        shown = [_bare(row) if row.kind == "harmful" else row for row in rows]
        left += sum(row.kind == "harmful" and bool(row.completion) for row in rows)
        licences.update(row.licence for row in prompts)
        write_records(folder / split_file("prompts", split), prompts)
        write_records(folder / split_file("demonstrations", split), shown)
    tables = [table("prompts", Prompt, SPLITS), table("demonstrations", Demonstration, SPLITS)]
    return tables, licences, sum(licences.values()), left


def _bare(row: Demonstration) -> Demonstration:
    return dataclasses.replace(row, completion=[], rejected=[])


def _pairs(stage: Path, folder: Path) -> Made:
    licences: Counter[str] = Counter()
    left = 0
    asked = PROMPTS.of(*LEARNED_FROM).read(stage.parent / PROMPTS.stage)
    licence_of = {prompt.id: prompt.licence for prompt in asked}
    for split in LEARNED_FROM:
        rows = read_records(stage / split_file("pairs", split), Pair)
        benign = [row for row in rows if row.kind == "benign"]
        # A harmful pair has a harmful side by construction, so both are left out.
        left += len(rows) - len(benign)
        # A pair has no licence of its own: it is as free as its prompt's row.
        licences.update(licence_of.get(row.prompt_id, "unknown") for row in benign)
        write_records(folder / split_file("pairs", split), benign)
    return [table("pairs", Pair, LEARNED_FROM)], licences, sum(licences.values()), 2 * left


def _lines(card: DataCard, licences: Counter[str]) -> list[str]:
    """Front matter that the hub reads of a data set."""
    names = sorted(licences)
    one = len(names) == 1
    task = "text-generation"
    return [
        f"license: {yaml_text(names[0].lower()) if one else 'other'}",
        *([] if one else [f"license_name: {yaml_text(', '.join(names) or 'none')}"]),
        f"language: {json_text(list(card.languages))}",
        f"pretty_name: {yaml_text(card.title)}",
        f"task_categories: [{task}]",
        "tags: [primum, medical, safety]",
    ]
