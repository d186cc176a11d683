"""How much of a row of data an error message shows: enough to find it, too little to read it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

CHARACTERS = 20
SHORT = 8
"""Characters that may be several words."""
NAMES = 8
_PLAIN = re.compile(r"[A-Za-z_][\w.-]{0,39}")
_NUMBER = re.compile(r"\d{3,}")


def excerpt(value: Any, characters: int = CHARACTERS) -> str:
    """A word as it is; of anything longer its beginning and size.

    Long numbers, which may be a person's, are masked.

    >>> excerpt("maybe"), excerpt("Mr. John Smith, record 00482913, asks"), excerpt(["a", "b"])
    ("'maybe'", "'Mr. ...' (37 characters)", 'a list of 2')
    """
    if isinstance(value, dict):
        return f"an object with {column_names(value)}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = str(value)
    # Digits are masked before the text is cut, or the beginning of a record number would be shown.
    shown = _NUMBER.sub(lambda found: "#" * len(found[0]), text)
    # One word is a label or an option, which the user needs to see whole; several are somebody's
    # words.
    if len(text) <= SHORT or (len(text) <= characters and len(text.split()) < 2):
        return repr(shown) if isinstance(value, str) else shown
    first = "".join(shown.split()[:1])
    return f"{f'{first[: characters - 4]} ...'!r} ({len(text)} characters)"


def column_names(columns: Iterable[Any]) -> str:
    """Names of columns, which a table without a header takes from its first row."""
    names = [_column(str(column)) for column in columns]
    rest = len(names) - NAMES
    return ", ".join([*names[:NAMES], *([f"... and {rest} more"] if rest > 0 else [])]) or "none"


def _column(name: str) -> str:
    return (
        name
        if _PLAIN.fullmatch(name) and not _NUMBER.search(name)
        else excerpt(name, 2 * CHARACTERS)
    )
