"""JSON read without passing anything over: Python's reader takes the last of two equal keys."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from records.excerpts import excerpt


def strict_loads(text: str) -> Any:
    """Raises ValueError for what is no JSON, for a key that stands twice in one object, and for nesting that is too deep to read."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        name, count = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"an object has the key {excerpt(name, 40)} {count} times; keep one")
    return found
