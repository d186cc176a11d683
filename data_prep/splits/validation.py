"""Prompts for evaluation only that validation takes.

What epochs and multipliers are chosen on should be like what the release is measured on: a policy
that is held to its limit on one author's twins alone can be far over it on prompts in other voices.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from data_prep.splits.turns import in_turn
from records.rows import Demonstration, stable_id


def groups_for_validation(
    rows: Sequence[Demonstration], shares: Mapping[str, float], seed: int
) -> frozenset[str]:
    """Names of the groups that go from test to validation.

    `rows` are grouped. Of each suite of a source in `shares` that share of the test rows is taken,
    by whole groups, one of each principle in turn; a group that holds a row of another source stays
    in test.
    """
    open_groups = _of_these_sources(rows, shares)
    cells: dict[tuple[str, str], list[Demonstration]] = defaultdict(list)
    for row in rows:
        if row.group in open_groups:
            cells[row.source, row.suite].append(row)
    taken: set[str] = set()
    for (source, _), members in sorted(cells.items()):
        sizes = Counter(row.group for row in members)
        wanted = round(shares[source] * len(members))
        count = sum(size for group, size in sizes.items() if group in taken)
        for row in _drawn(members, seed):
            if count >= wanted:
                break
            if row.group not in taken:
                taken.add(row.group)
                count += sizes[row.group]
    return frozenset(taken)


def _of_these_sources(rows: Sequence[Demonstration], shares: Mapping[str, float]) -> frozenset[str]:
    held: set[str] = set()
    others: set[str] = set()
    for row in rows:
        chosen = row.split == "test" and shares.get(row.source, 0) > 0
        (held if chosen else others).add(row.group)
    return frozenset(held - others)


def _drawn(rows: Sequence[Demonstration], seed: int) -> list[Demonstration]:
    return in_turn(sorted(rows, key=lambda row: stable_id(str(seed), "validation", row.id)))
