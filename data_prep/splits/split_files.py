"""Rows in one file a split: whoever hands a file to a trainer trains on no row that is kept for a
test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from records.rows import RecordT, Split, read_records
from records.run_files import LEARNED_FROM as LEARNED_FROM
from records.run_files import SPLITS
from records.run_files import split_file as split_file
from records.stage_folder import write_records


def split_files(name: str, splits: Sequence[Split] = SPLITS) -> dict[Split, str]:
    """The file of each split."""
    return {split: split_file(name, split) for split in splits}


def write_splits(
    folder: Path,
    name: str,
    rows: Iterable[RecordT],
    split_of: Callable[[RecordT], Split],
    splits: Sequence[Split] = SPLITS,
) -> None:
    """A file for each of `splits`, in the rows' order; a split without rows has an empty one."""
    found: dict[Split, list[RecordT]] = {split: [] for split in splits}
    for row in rows:
        found[split_of(row)].append(row)
    # A file for each, with no row in it where there is none: a later stage reads all of them.
    for split, own in found.items():
        write_records(folder / split_file(name, split), own)


def read_splits(
    folder: Path, name: str, kind: type[RecordT], splits: Sequence[Split] = SPLITS
) -> list[RecordT]:
    """The rows of these splits, one split after the other. Raises RecordError where a file is not
    there or not of `kind`."""
    made: list[RecordT] = []
    for split in splits:
        made.extend(read_records(folder / split_file(name, split), kind))
    return made
