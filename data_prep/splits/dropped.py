"""Rows that were read and left out, apart from the code that compares rows, whose libraries take
half a second.
"""

from __future__ import annotations

from typing import NamedTuple

from records.rows import Demonstration


class Drop(NamedTuple):
    """A row that was read and is not in the result."""

    row: Demonstration
    reason: str
    detail: str = ""
