"""Files of rows, each read by what its name ends in; of a folder all that hold rows, and no file
passed over without a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from data_prep.sources.rows import ReadRow, demonstrations_from_row, read_rows
from data_prep.sources.shapes import KNOWN, TEXT_COLUMNS
from data_prep.sources.text_files import csv_rows, json_rows, read_utf8
from records.errors import RecordError, first_line
from records.regular_files import ALWAYS_UNPACKED, UNPACKED
from records.rows import read_json_lines, shorten
from records.strict_json import strict_loads

Rows = Iterable[tuple[str, Any]]
LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
LISTS = (".json", ".json.gz")
SUFFIXES = (*LINES, *TABLES, *LISTS, ".parquet")
"""In lower case; a file's may be in any."""
ROWS_AT_ONCE = 1024
"""Of a Parquet file, while it is looked at how large they are."""
_NO_ROWS = re.compile(
    r"(?:readme|licen[cs]e|copying|notice|citation|authors|changelog|contributing|makefile|"
    r"requirements)(?:[._-].*)?|"
    r"dataset_infos?\.json|croissant\.json|manifest\.json|.*\.(?:md|rst|py|sh|ipynb|cff|bib|lock|"
    r"toml|ya?ml)",
    re.I,
)
_TEST = re.compile(r"test(?:[._-]|$)", re.I)
_TRAIN = re.compile(r"train(?:[._-]|$)", re.I)


def ends_in(file: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether a file's name ends so, in capitals or not."""
    return file.name.lower().endswith(suffixes)


def files_of(path: Path) -> list[Path]:
    """The file itself, or those of a folder.

    Raises RecordError that names each file that may hold rows and cannot be read.
    """
    if not path.is_dir():
        return [path]
    files, faults = [], []
    for file in sorted(path.iterdir()):
        # Names that begin with a dot or an underscore are what tools leave behind.
        if file.name.startswith((".", "_")) or _NO_ROWS.fullmatch(file.name):
            continue
        if file.is_dir():
            held = next(
                (
                    inner
                    for inner in sorted(file.rglob("*"))
                    if inner.is_file() and ends_in(inner, SUFFIXES)
                ),
                None,
            )
            if held is not None:
                # Silence would lose a half of the set that lies one folder deeper.
                faults.append(
                    f"{held}: lies in a folder within {path}, which is not looked into; make "
                    f"{file} a source of its own"
                )
        elif ends_in(file, SUFFIXES):
            files.append(file)
        else:
            faults.append(
                f"{file}: not read; wanted {', '.join(SUFFIXES)}. Convert it, take it out of the "
                "folder, or set path to a file"
            )
    if not files:
        faults.insert(
            0, f"{path}: no {', '.join(SUFFIXES)} file in this folder; is it of another format?"
        )
    if faults:
        raise RecordError(shorten(faults))
    return files


def placed_rows(file: Path, config: SourceConfig | None = None) -> Iterator[tuple[str, Any]]:
    """(place, row) of every row. Raises RecordError, after the good rows, with the others."""
    names = {config.prompt_field, config.completion_field} if config else set()
    if ends_in(file, TABLES):
        for line, row in csv_rows(
            file, known=KNOWN | names, texts=TEXT_COLUMNS | names if config else ()
        ):
            yield f"{file}:{line}", row
    elif ends_in(file, (".parquet",)):
        yield from _parquet_rows(file)
    # Files called .json often hold one object a line; the first line tells.
    elif ends_in(file, LISTS) and not _holds_lines(read_utf8(file)):
        yield from json_rows(file, wanted="a list of objects, or one object a line")
    else:
        for line, row in read_json_lines(file):
            yield f"{file}:{line}", row


def read_files(
    files: Iterable[Path], config: SourceConfig, rows_of: Callable[[Path], Rows] | None = None
) -> list[ReadRow]:
    """Every row of every file; the faults of all are raised together.

    Of files that are called train and test, those of test are for evaluation only.
    """
    files = list(files)
    # Only beside a train file: a lone test.jsonl may be all of somebody's data.
    divided = any(_TRAIN.match(file.name) for file in files) and any(
        _TEST.match(file.name) for file in files
    )

    def rows(file: Path) -> Iterator[tuple[str, Any]]:
        for place, row in rows_of(file) if rows_of else placed_rows(file, config):
            is_test = divided and _TEST.match(file.name) and isinstance(row, dict)
            yield place, {**row, "split": "test"} if is_test else row

    return read_rows(files, rows, lambda row: demonstrations_from_row(row, config))


def _holds_lines(text: str) -> bool:
    """Whether it begins with an object that ends on the same line."""
    first = text.lstrip().partition("\n")[0]
    try:
        return first.startswith("{") and isinstance(strict_loads(first), dict)
    except ValueError:
        return False


def _parquet_rows(file: Path) -> Iterator[tuple[str, Any]]:
    # A tenth of a second that no other format needs.
    import pyarrow  # type: ignore[import-untyped]  # noqa: PLC0415
    import pyarrow.parquet  # type: ignore[import-untyped]  # noqa: PLC0415

    if not file.is_file():
        raise RecordError(f"{file}: no such file; check data.sources.path")
    most = max(ALWAYS_UNPACKED, UNPACKED * file.stat().st_size)
    rows: list[Any] = []
    try:
        # A dictionary-encoded column of one long text takes few bytes on disk and gigabytes in
        # memory.
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=ROWS_AT_ONCE):
            most -= batch.nbytes
            if most < 0:
                raise RecordError(
                    f"{file}: unpacks to more than {UNPACKED} times its size; look at what is in "
                    "it, or give its rows as JSON Lines"
                )
            rows += batch.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, TypeError) as error:
        raise RecordError(
            f"{file}: not a Parquet file that can be read ({first_line(error)}); copy or write it "
            "again"
        ) from error
    for number, row in enumerate(rows):
        yield f"{file}: row {number} (counted from 0)", row
