"""Text files read so that every fault can be told with its line."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from records.errors import RecordError
from records.excerpts import excerpt
from records.file_kinds import HEAD, not_text
from records.regular_files import read_whole
from records.rows import shorten
from records.strict_json import strict_loads

DELIMITERS = ",;\t|"
MAX_CELL = 2**24
"""Characters of one cell. The library's own limit, 131,072, is less than a long dialogue has."""
NULL_WORDS = frozenset({"None", "none", "null", "NULL", "Null", "NaN", "nan", "<NA>"})
"""What programs write for a value that is not there."""
CHECK_PATH = "check data.sources.path"
_SEPARATOR = re.compile(r"sep=([,;\t|])(?=\r?\n)", re.I)
"""The line by which Excel is told a file's delimiter."""


def read_utf8(path: Path, *, remedy: str = CHECK_PATH) -> str:
    """The file's text without a byte order mark, `.gz` unpacked; raises RecordError that names the
    first line that is not UTF-8.
    """
    content = _content(path, remedy)
    wrong = not_text(content[:HEAD])
    if wrong:
        raise RecordError(f"{path}: {wrong}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The byte's place means little in an editor; its line can be found.
        line = content.count(b"\n", 0, error.start) + 1
        raise RecordError(
            f"{path}:{line}: not UTF-8 (byte {content[error.start]:#04x}); re-encode the file "
            "(from a spreadsheet, save it as CSV UTF-8)"
        ) from error


def _content(path: Path, remedy: str) -> bytes:
    try:
        return read_whole(path)
    except FileNotFoundError as error:
        raise RecordError(f"{path}: no such file; {remedy}") from error
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error


def read_csv(path: Path) -> list[tuple[int, list[str]]]:
    """(number of the line it begins on, cells) of every row; raises RecordError on broken
    quoting.
    """
    return _cells(path, read_utf8(path), ",")


def csv_rows(
    path: Path, *, known: Collection[str] = (), texts: Collection[str] = ()
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, row by column) of a table with a header; then all faulty rows are raised at once as a
    RecordError.

    The delimiter is the one that finds most `known` names in the header. A table has no null: an
    empty cell is a value that is not there. Whether the word None in one of the columns `texts` is
    a value or the lack of one cannot be told, so it is a fault.
    """
    faults: list[str] = []
    try:
        for line, row in csv_cells(path, known=known):
            words = []
            for column in row:
                if row[column] in NULL_WORDS and (column in texts or column.lower() in texts):
                    words.append(column)
            for column in words:
                faults.append(f"{path}:{line}: {null_word_fault(column, row[column])}")
            if not words:
                yield (
                    line,
                    {
                        column: None if not cell or cell in NULL_WORDS else cell
                        for column, cell in row.items()
                    },
                )
    except RecordError as error:
        faults += error.faults
    if faults:
        raise RecordError(shorten(faults))


def null_word_fault(column: str, word: str) -> str:
    """What is wrong with a cell that holds a word for no value."""
    return (
        f"{column!r} is the word {word}: a text, or no value? Leave the cell empty where there is "
        "no value; where the word is meant, give the rows as JSON Lines"
    )


def csv_cells(path: Path, *, known: Collection[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """As csv_rows, every cell as it stands."""
    return csv_table(path, known=known)[1]


def csv_table(
    path: Path, *, known: Collection[str] = (), remedy: str = CHECK_PATH
) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """(columns, rows), the columns empty where the file is."""
    text = read_utf8(path, remedy=remedy)
    stated = _SEPARATOR.match(text)
    if stated:
        # The line stays, empty, so that the others keep their numbers.
        text = text[stated.end() :]
    delimiter = stated[1] if stated else _delimiter(text, known)
    table = _cells(path, text, delimiter)
    header = _header(path, *table[0]) if table else []
    return header, _rows(path, header, table[1:], delimiter)


def _rows(
    path: Path, header: list[str], table: list[tuple[int, list[str]]], delimiter: str
) -> Iterator[tuple[int, dict[str, str]]]:
    mark = {",": "commas", ";": "semicolons", "\t": "tabs"}.get(delimiter, f"{delimiter!r}")
    faults = []
    for line, cells in table:
        # A row of another length has lost or gained a delimiter; its later columns hold the wrong
        # values.
        if len(cells) == len(header):
            yield line, dict(zip(header, cells, strict=True))
        else:
            faults.append(
                f"{path}:{line}: {len(cells)} columns, the header has {len(header)}; quote the "
                f"{mark} inside a text"
            )
    if faults:
        raise RecordError(shorten(faults))


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    faults = []
    for name, count in Counter(names).items():
        if count > 1 and name:
            faults.append(
                f"{path}:{line}: the header names the column {excerpt(name, 40)} {count} times, "
                "and only one of them can be read; rename or remove the others"
            )
    unnamed = []
    for number, name in enumerate(names, start=1):
        if not name:
            unnamed.append(str(number))
    if unnamed:
        faults.append(
            f"{path}:{line}: the header has no name for column {', '.join(unnamed)}; name it or "
            "remove it (an index that pandas wrote: to_csv(..., index=False))"
        )
    if faults:
        raise RecordError(faults)
    return names


def _delimiter(text: str, known: Collection[str]) -> str:
    """The one that makes most known names of the first row, then the one that makes most cells; a
    comma where all are equal.
    """

    def found(delimiter: str) -> tuple[int, int]:
        # strict: a wrong delimiter often shows as broken quoting, which then counts as no cells at
        # all.
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
            header = next((cells for cells in reader if cells), [])
        except csv.Error:
            return 0, 0
        return sum(cell.strip() in known for cell in header), len(header)

    # The library's limit is a process-wide setting, so it is set before each reading.
    csv.field_size_limit(MAX_CELL)
    return max(DELIMITERS, key=found)


def _cells(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_CELL)
    # strict: a lenient reader takes the rest of the file for one cell when a quote is not closed.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    begin = 1
    try:
        for cells in reader:
            # An empty line between rows is no row.
            if cells:
                rows.append((begin, cells))
            # A quoted cell may hold line ends, so a row's first line is not its number.
            begin = reader.line_num + 1
    except csv.Error as error:
        raise RecordError(
            f"{path}:{begin}: not CSV ({error}); mend the quoting of the row that begins here"
        ) from error
    return rows


def read_json_file(path: Path, *, wanted: str, remedy: str = CHECK_PATH) -> Any:
    """The value in a file. Raises RecordError with what was wanted and the remedy."""
    try:
        return strict_loads(read_utf8(path, remedy=remedy))
    except ValueError as error:
        raise RecordError(f"{path}: not JSON ({error}); wanted {wanted}") from error


def json_rows(path: Path, *, wanted: str) -> list[tuple[str, Any]]:
    """(place, row) of every row of a JSON list."""
    table = read_json_file(path, wanted=wanted)
    if not isinstance(table, list):
        raise RecordError(
            f"{path}: wanted {wanted}, got {type(table).__name__}; is it of another format?"
        )
    made: list[tuple[str, Any]] = []
    for number, row in enumerate(table):
        made.append((f"{path}: row {number} (counted from 0)", row))
    return made
