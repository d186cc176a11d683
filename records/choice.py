"""Rows chosen by their place alone, so that nobody picks them for what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")


def at_even_distances(rows: Sequence[Row], count: int) -> list[Row]:
    """`count` rows at even distances from the first on, in their order; all of them where there are
    no more.
    """
    if len(rows) <= count:
        return list(rows)
    # Whole-number arithmetic: a rounded float step would now and then take one row twice.
    return [rows[place * len(rows) // count] for place in range(count)]
