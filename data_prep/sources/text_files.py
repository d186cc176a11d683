"""Text files read so that every fault can be told with its line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from data_prep.errors import RecordError


def read_utf8(path: Path) -> str:
    """The file's text without a byte order mark; raises RecordError that names the first line that is not UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); check data.sources.path") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecordError(f"{path}:{line}: not UTF-8 (byte {content[error.start]:#04x}); re-encode the file") from error


def read_csv(path: Path) -> list[tuple[int, list[str]]]:
    """(number of the line it begins on, cells) of every row; raises RecordError on broken quoting."""
    # strict: a lenient reader takes the rest of the file for one cell when a quote is not closed.
    reader = csv.reader(io.StringIO(read_utf8(path), newline=""), strict=True)
    rows = []
    begin = 1
    try:
        for cells in reader:
            if cells:
                rows.append((begin, cells))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise RecordError(f"{path}:{begin}: not CSV ({error}); mend the quoting of the row that begins here") from error
    return rows


def read_json_file(path: Path, *, wanted: str) -> Any:
    try:
        return json.loads(read_utf8(path))
    except ValueError as error:
        raise RecordError(f"{path}: not JSON ({error}); wanted {wanted}") from error


def json_rows(path: Path, *, wanted: str) -> list[tuple[str, Any]]:
    """(place, row) of every row of a JSON list."""
    table = read_json_file(path, wanted=wanted)
    if not isinstance(table, list):
        raise RecordError(f"{path}: wanted {wanted}, got {type(table).__name__}; is it of another format?")
    return [(f"{path}: row {number} (counted from 0)", row) for number, row in enumerate(table)]
