"""`results["capability"]`, read back from a file that somebody may have edited."""

from __future__ import annotations

from typing import Any

from records.own_files import Object, entry, object_of


def require_capability(found: Any) -> None:
    """Raises ValueError where report or gate could not read it; None stands for not measured."""
    if found is None:
        return
    value = object_of(found)
    entry(value, "margin", float)
    for row in entry(value, "absent", list):
        entry(object_of(row), "task", str)
        entry(object_of(row), "reason", str)
    for task in entry(value, "tasks", dict).values():
        _require_task(object_of(task))
    perplexity = entry(value, "perplexity", dict, optional=True)
    if perplexity:
        entry(perplexity, "tokens", int)
        _require_parts(perplexity, own=("mean", "n"), change=("ratio", "margin", "retained"))


def _require_task(task: Object) -> None:
    entry(task, "chance", float)
    entry(task, "signal", bool)
    _require_parts(task, own=("accuracy",), change=("difference", "margin", "retained"))


def _require_parts(value: Object, *, own: tuple[str, ...], change: tuple[str, ...]) -> None:
    entry(value, "n", int)
    for part, wanted in (("policies", own), ("changes", (*change, "interval"))):
        for name, row in entry(value, part, dict).items():
            missing = []
            for field in wanted:
                if field not in object_of(row):
                    missing.append(field)
            if missing:
                raise ValueError(f"capability: {part}: {name}: no {', '.join(missing)}")
