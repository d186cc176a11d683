"""Twins of a user's own rows: a harmful request and a benign one, which name each other or of which
one names the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from records.excerpts import excerpt
from records.rows import Demonstration

_REMEDY = "name one row of the opposite kind, or leave twin_id out"


def twin_faults(rows: Sequence[Demonstration], source: str) -> list[str]:
    """What is wrong with the pairs that `twin_id` makes within a source; a twin that is not there
    is none.
    """
    by_id = {row.id: row for row in rows}
    named_by: dict[str, str] = {}
    faults = []
    # Over distinct ids: a preference may repeat its prompt's row, and with it its twin.
    for row in by_id.values():
        twin = by_id.get(row.twin_id or "")
        if twin is None:
            continue
        one, other = excerpt(row.id), excerpt(twin.id)
        first = named_by.setdefault(twin.id, row.id)
        if twin is row:
            faults.append(f"row {one} names itself as its twin")
        # Only one row need name the other; two that name different ones are no pair.
        elif twin.twin_id not in (None, row.id):
            faults.append(
                f"row {one} names {other} as its twin, which names {excerpt(twin.twin_id)}"
            )
        elif first != row.id:
            faults.append(f"rows {excerpt(first)} and {one} both name {other} as their twin")
        elif twin.kind == row.kind:
            faults.append(f"rows {one} and {other} are twins, and both are {row.kind}")
    return [f"source {source!r}: {fault}; {_REMEDY}" for fault in faults]
