"""Reading back what Primum itself wrote: strict JSON, records of a stated shape, and a seal that
shows whether a record is still the one that was written.

A seal is part of the record: the first half of the sha256 of its other entries. It notices damage
(a flipped bit, an entry that was dropped by hand), not a forger, who can compute it too. Records of
earlier versions have none and are taken as they are.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from records.errors import ArtifactError
from records.escaping import json_text
from records.strict_json import MOST_LEVELS, require_shallow

SEAL = "seal"
Object = dict[str, Any]
RecordT = TypeVar("RecordT")


def sha256_json(value: Any) -> str:
    """The hash of a value as JSON writes it; the order of keys does not count."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(
        text.encode("utf-8", "surrogatepass")
    ).hexdigest()  # JSON can carry half a pair


def sealed(record: Object) -> Object:
    """The record with its seal; to be written as JSON."""
    return {**record, SEAL: _seal(record)}


def unsealed(record: Object) -> Object:
    """The record without its seal. Raises ValueError where it is not what was sealed."""
    rest = {}
    for name, value in record.items():
        if name != SEAL:
            rest[name] = value
    if SEAL in record and record[SEAL] != _seal(rest):
        raise ValueError("changed since it was written (its seal does not fit its entries)")
    return rest


def sealed_line(record: Object) -> str:
    """One line of JSON that carries its own hash."""
    return json_text(sealed(record)) + "\n"


def _seal(record: Object) -> str:
    # As JSON carries it: keys become text and tuples lists.
    # Half of the digest notices damage as well as all of it, and leaves the line readable.
    return sha256_json(json.loads(json.dumps(record)))[:32]


def read_own(path: Path, record: Callable[[Object], RecordT]) -> RecordT:
    """A file that holds one sealed record. Raises ArtifactError that says what is wrong with it.

    `record` makes it from the object and raises ValueError where that has another shape.
    """
    try:
        return record(unsealed(parsed_object(regular_bytes(path))))
    except ValueError as error:
        raise ArtifactError(f"{path}: {error}") from error


def read_rows(
    path: Path, record: Callable[[Object], RecordT], *, own: bool = True
) -> tuple[list[RecordT], list[str]]:
    """(rows so far, what is wrong with the others) of a file that sealed lines are appended to.

    A half-written last line (a kill, a full disk) is no fault: it is cut off for good in a file of
    one's `own`; in another process's it is passed over, as that one may be writing it just now.
    """
    if not path.is_file():
        return [], []
    content = path.read_bytes()
    # The line end is written last, so that a line with one is whole.
    whole = content.rfind(b"\n") + 1
    lines, rest = content[:whole].split(b"\n")[:-1], content[whole:]
    if rest and not rest.startswith(b"{"):
        lines.append(rest)  # a kill leaves the beginning of a line; zeroes are damage
    if rest and own:
        os.truncate(path, whole)
    rows, faults = [], []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(record(unsealed(parsed_object(line))))
        except ValueError as error:
            faults.append(f"{path}:{number}: {error}")
    return rows, faults


def regular_bytes(path: Path) -> bytes:
    """Raises ValueError for what is no file that can be read; a FIFO would never end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("no regular file")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ValueError("no such file") from error
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from error


def parsed(content: bytes) -> Any:
    """JSON in UTF-8 whose objects name no key twice. Raises ValueError."""
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_no_key_twice)
        # Counting brackets is quick and never too low; only a suspicious content is walked through.
        if content.count(b"[") + content.count(b"{") > MOST_LEVELS:
            require_shallow(found)
        return found
    except RecursionError as error:
        raise ValueError(f"not JSON (nested more than {MOST_LEVELS} levels deep)") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 ({error})") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error})") from error


def parsed_object(content: bytes) -> Object:
    """The object that a file of our own holds. Raises ValueError where it is none."""
    return object_of(parsed(content))


def object_of(value: Any) -> Object:
    """Raises ValueError for what is no object."""
    if not isinstance(value, dict):
        raise ValueError(f"wanted a JSON object, got {_shown(value)}")
    return value


def _no_key_twice(pairs: Iterable[tuple[str, Any]]) -> Object:
    found: Object = {}
    for name, value in pairs:
        # Python's reader would keep the last of two equal keys, and damage or a hand edit would
        # pass.
        if name in found:
            raise ValueError(f"not JSON as Primum writes it (key {_shown(name)} twice)")
        found[name] = value
    return found


def entry(
    record: Mapping[str, Any], name: str, kind: type[RecordT], *, optional: bool = False
) -> RecordT:
    """One value of a record, of the type that it must have; floats are finite, and whole numbers
    will do for them. Raises ValueError. `optional` lets it be null or left out (then None)."""
    value = record.get(name)
    if value is None and optional:
        return None  # type: ignore[return-value]
    if not _fits(value, kind):
        raise ValueError(
            f"{name}: wanted {_WORDS[kind]}, got {_shown(value) if name in record else 'nothing'}"
        )
    return value  # type: ignore[no-any-return, return-value]


def names_by_key(value: Any, name: str) -> dict[str, list[str]]:
    """{key: [names]}, as restrictions are written. Raises ValueError."""
    if not isinstance(value, dict) or not all(_all_text(names) for names in value.values()):
        raise ValueError(f"{name}: wanted lists of names by key, got {_shown(value)}")
    return value


def _all_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _fits(value: Any, kind: type) -> bool:
    # Before the numbers: in Python True is an int, and a flag must not pass as a count.
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        # json reads NaN and Infinity, which compare with nothing: a limit would neither hold nor
        # fail.
        return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return isinstance(value, kind)


_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a finite number",
    dict: "an object",
    list: "a list",
    bool: "true or false",
}


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
