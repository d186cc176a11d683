"""Paths of this machine, and what stands for them in what is passed on: they hold names of people
and systems.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ANYWHERE = "/path/to"


class LocalPaths:
    """Replaces each path by `/path/to/` and its last part, wherever it stands in a text; homes by
    `/path/to` alone.
    """

    def __init__(self, paths: Iterable[str], *, homes: Iterable[str] = ()) -> None:
        found = {path: f"{ANYWHERE}/{Path(path).name}" for path in _spelled(paths)}
        found |= {home: ANYWHERE for home in _spelled(homes)}
        # The longest first: a run may lie in a home.
        self._found = dict(sorted(found.items(), key=lambda item: (-len(item[0]), item[0])))
        # `(?!)` matches nowhere: an empty alternative would match everywhere.
        anyone = "|".join(map(re.escape, self._found)) or r"(?!)"
        # Not before a word character: /data/run must not be replaced inside /data/run2.
        self._pattern = re.compile(f"(?:{anyone})(?![\\w-])")

    def hidden(self, text: str) -> str:
        """The text with every path of this machine replaced."""
        return self._pattern.sub(lambda found: self._found[found[0]], text)

    def hidden_in(self, value: Any) -> Any:
        """The same of every text in a JSON value, keys among them."""
        if isinstance(value, dict):
            kept = {}
            for key, inner in value.items():
                kept[self.hidden(key)] = self.hidden_in(inner)
            return kept
        if isinstance(value, list):
            return [self.hidden_in(inner) for inner in value]
        return self.hidden(value) if isinstance(value, str) else value


def _spelled(paths: Iterable[str]) -> set[str]:
    """Absolute paths as they are written, whole and with their links followed; the root names
    nobody.
    """
    found: set[str] = set()
    for path in paths:
        if path:
            found |= {
                os.path.normpath(path),
                os.path.abspath(path),
                os.path.realpath(path),
                path.rstrip("/"),
            }
    made: set[str] = set()
    for path in found:
        if path.startswith("/") and path != "/":
            made.add(path)
    return made
