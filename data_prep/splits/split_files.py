"""Rows in one file a split: whoever hands a file to a trainer trains on no row that is kept for a
test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from data_prep.splits.splitting import SPLITS
from records.rows import RecordT, Split, read_records
from records.stage_folder import write_records

LEARNED_FROM: tuple[Split, ...] = ("train", "val")
"""Splits that training, and what is chosen before the test, may see."""


def split_file(name: str, split: Split) -> str:
    """
    >>> split_file("prompts", "train")
    'prompts.train.jsonl'
    """
    return f"{name}.{split}.jsonl"


def split_files(name: str, splits: Sequence[Split] = SPLITS) -> dict[Split, str]:
    return {split: split_file(name, split) for split in splits}


def needs(stage: str, name: str, splits: Sequence[Split] = LEARNED_FROM) -> tuple[str, ...]:
    """The files of these splits as a stage's needs name them."""
    return tuple(f"{stage}/{file}" for file in split_files(name, splits).values())


def write_splits(
    folder: Path, name: str, rows: Iterable[RecordT], split_of: Callable[[RecordT], Split], splits: Sequence[Split] = SPLITS
) -> None:
    """A file for each of `splits`, in the rows' order; a split without rows has an empty one."""
    found: dict[Split, list[RecordT]] = {split: [] for split in splits}
    for row in rows:
        found[split_of(row)].append(row)
    for split, own in found.items():
        write_records(folder / split_file(name, split), own)


def read_splits(folder: Path, name: str, kind: type[RecordT], splits: Sequence[Split] = SPLITS) -> list[RecordT]:
    """The rows of these splits, one split after the other. Raises RecordError where a file is not
    there or not of `kind`."""
    return [row for split in splits for row in read_records(folder / split_file(name, split), kind)]
