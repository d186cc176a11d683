"""Lists and objects that a table holds as text: JSON, or what Python prints of them."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

from records.excerpts import excerpt
from records.strict_json import require_shallow, strict_loads

MAX_LITERAL = 1_000_000
"""Characters; Python's own reader takes memory many times over."""
_MESSAGES = re.compile(
    r"""\s*(?:array\(\s*)?[\[(]?\s*\{\s*\\*["'](?:role|content|from|value)\\*["']\s*:"""
)
_LIST = re.compile(r"""\s*(?:\[\s*[\[{"']|\{\s*["'])""")


def structured(value: Any, column: str) -> Any:
    """The messages that a text spells out, or the value as it is.

    Raises ValueError for messages that cannot be read.
    """
    # The pattern is cheap and texts are many; a completion that only begins with a bracket stays a
    # text.
    if not isinstance(value, str) or not _MESSAGES.match(value):
        return value
    found = _parsed(value)
    if isinstance(found, dict):
        found = [found]
    if (
        isinstance(found, list | tuple)
        and found
        and all(isinstance(message, dict) for message in found)
    ):
        return list(found)
    # Left as text, the messages' marks and quotes would be trained on.
    raise ValueError(
        f"{column!r} is messages as text that is neither JSON nor a Python literal "
        f"({excerpt(value)} ...); write the column with json.dumps"
    )


def listed(value: Any) -> Any:
    """The list that a text spells out, for a column that can hold nothing else; any other value as
    it is.
    """
    if not isinstance(value, str) or not _LIST.match(value):
        return value
    found = _parsed(value)
    return found if isinstance(found, list | dict) else value


def _parsed(text: str) -> Any:
    """None where it is neither."""
    if len(text) > MAX_LITERAL:
        raise ValueError(
            f"a list of {len(text):,} characters stands in one cell as text, more than "
            f"{MAX_LITERAL:,}; give the rows as JSON Lines"
        )
    try:
        # JSON first: it is stricter, and what it reads needs no evaluation.
        return strict_loads(text)
    except ValueError as error:
        # A key that is there twice is a fault in JSON too; Python's reader would take the last one.
        if "has the key" in str(error):
            raise
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a backslash that begins no escape
            # literal_eval builds constants alone; eval would run what stands in somebody's data.
            found = ast.literal_eval(text.strip())
            require_shallow(found)
            return found
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
