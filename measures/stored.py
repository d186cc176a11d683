"""Numbers and intervals read back from JSON, which may hold NaN: what cannot be computed is a
number that passes no limit, and no damage.
"""

from __future__ import annotations

from records.own_files import Object, entry

Ends = tuple[float | None, float | None]
"""Low and high of an interval; None where there is none."""


def ends_of(value: Object) -> Ends:
    """Of the entry `interval`. Raises ValueError where it does not hold two ends."""
    if value.get("interval") is None:
        return None, None
    ends = entry(value, "interval", list)
    if len(ends) != 2:
        raise ValueError(f"interval: wanted its two ends, got {len(ends)} values")
    low, high = (number_or_none({"interval": end}, "interval") for end in ends)
    return low, high


def number_or_none(value: Object, name: str) -> float | None:
    """Raises ValueError for what is neither a number nor null."""
    found = value.get(name)
    if isinstance(found, float):
        return found
    return entry(value, name, float, optional=True)


def count_or_none(value: Object, name: str) -> int | None:
    """Raises ValueError for what is neither a whole number nor null."""
    return entry(value, name, int, optional=True)
