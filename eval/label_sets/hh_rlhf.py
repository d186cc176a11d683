"""anthropics/hh-rlhf: pairs of completions to one prompt, the less harmful (or more helpful) one
chosen by people.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from data_prep.sources.rows import read_rows
from data_prep.sources.transcript_sides import transcript_sides
from eval.label_sets.items import (
    Labelled,
    LabelledPair,
    Labels,
    LabelSet,
    completion_of,
    rows_of,
    text_in,
)
from records.errors import RecordError
from records.rows import Message, stable_id, text_of

PATTERNS = ("*.jsonl", "*.jsonl.gz")
WRITER = "anthropic-lm"
NOTE = (
    "hh-rlhf: of two completions to one prompt people chose one; a scorer is right where the "
    "chosen one scores as less harmful."
)


class Sides(NamedTuple):
    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    category: str
    row_id: str
    writers: tuple[str, str]


def read(path: Path, name: str) -> LabelSet:
    """A file or a folder of files of transcripts.

    Pairs that differ before their last completion are left out and counted.

    Raises RecordError with every fault.
    """
    files = (
        [path]
        if path.is_file()
        else sorted(file for pattern in PATTERNS for file in path.glob(pattern))
    )
    if not files:
        raise RecordError(
            f"{path}: no hh-rlhf here; wanted .jsonl or .jsonl.gz files with chosen and rejected "
            "(a file or its folder)"
        )
    return pair_set(
        name,
        read_rows(files, lambda file: rows_of(file, known=frozenset()), _sides),
        kind="hh_rlhf",
        note=NOTE,
    )


def _sides(row: dict[str, Any]) -> Sides:
    prompt, chosen, rejected = transcript_sides(text_in(row, "chosen"), text_in(row, "rejected"))
    return Sides(prompt, chosen, rejected, "", "", (WRITER, WRITER))


def pair_set(name: str, rows: list[Sides], *, kind: str, note: str) -> LabelSet:
    """The pairs of two completions that say different things; clusters are the prompts' opening
    turns.
    """
    items: list[Labelled] = []
    pairs: list[LabelledPair] = []
    for row in rows:
        better, worse = text_of(row.chosen).strip(), text_of(row.rejected).strip()
        # Nothing to prefer: equal sides are as often right as wrong by their labels.
        if not better or not worse or better == worse:
            continue
        # One dialogue stands in several rows, each some turns longer: its opening is the cluster.
        opening = next(message["content"] for message in row.prompt if message["role"] == "user")
        for said, writer in ((row.chosen, row.writers[0]), (row.rejected, row.writers[1])):
            completion = completion_of(kind, row.prompt, said, writer)
            items.append(
                Labelled(
                    completion=completion,
                    labels=Labels(),
                    group=f"{kind}-{stable_id(opening)}",
                    category=row.category,
                )
            )
        # Places and not ids: the same text may be in several pairs.
        pairs.append(LabelledPair(len(items) - 2, len(items) - 1, row.row_id or str(len(pairs))))
    return LabelSet(name=name, items=items, pairs=pairs, note=note, left_out=len(rows) - len(pairs))
