"""`results["tamper"]`, read back from a file that somebody may have edited."""

from __future__ import annotations

from typing import Any

from records.own_files import entry, object_of


def require_tamper(found: Any) -> None:
    """Raises ValueError where report or gate could not read it; None stands for not measured."""
    if found is None:
        return
    value = object_of(found)
    entry(value, "policy", str)
    for attack in entry(value, "attacks", dict).values():
        entry(object_of(attack), "title", str)
        for suite in entry(attack, "suites", dict).values():
            entry(object_of(suite), "kind", str)
            harm = entry(suite, "harmfulness", dict)
            if len(entry(harm, "interval", list)) != 2:
                raise ValueError("tamper: harmfulness: interval: wanted two ends")
