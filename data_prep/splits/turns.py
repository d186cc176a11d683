"""One row of each principle in turn, so that a few rows hold all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from records.rows import Demonstration


def in_turn(
    rows: Sequence[Demonstration], behind: Callable[[Demonstration], bool] | None = None
) -> list[Demonstration]:
    """The first of each principle, then the second of each, and so on; within a turn in the order
    given. Rows that are `behind` come after all others and count their turns on from there.
    """
    seen: Counter[int | None] = Counter()
    placed = []
    for row in rows:
        seen[row.principle] += 1
        placed.append((behind is not None and behind(row), seen[row.principle], row))
    # Stable: rows of one turn keep their order.
    return [row for _, _, row in sorted(placed, key=lambda each: each[:2])]
