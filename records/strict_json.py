"""JSON read without passing anything over: Python's reader takes the last of two equal keys."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from records.excerpts import excerpt

MOST_LEVELS = 64
"""Lists and objects in each other; no row of data has ten."""


def strict_loads(text: str) -> Any:
    """Raises ValueError for what is no JSON, for a key that stands twice in one object, and for
    nesting that is too deep.
    """
    try:
        found = json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError(_too_deep()) from error
    # A text with fewer brackets cannot be nested too deep, so most rows are not walked at all.
    if text.count("[") + text.count("{") > MOST_LEVELS:
        require_shallow(found)
    return found


def require_shallow(value: Any) -> None:
    """Raises ValueError for lists and objects that are nested more deeply than whatever walks them
    later can follow.
    """
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        # Level by level and not by recursion, which is what deep nesting would exhaust.
        level = [inner for held in level for inner in _within(held)]
        if not level:
            return
    raise ValueError(_too_deep())


def _within(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def _too_deep() -> str:
    return f"nested more than {MOST_LEVELS} levels deep"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        name, count = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"an object has the key {excerpt(name, 40)} {count} times; keep one")
    return found
