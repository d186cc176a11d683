"""What is done to a request before it is asked: one YAML file a condition.

All are established and of low capability.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from records.errors import RecordError

REQUEST = "{request}"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Exactly one of `user`, `drop_system`, `turns` and `from_file` says what is done."""

    name: str
    title: str
    citation: str
    user: str = ""
    """The last message of the user, {request} standing for what it was."""
    drop_system: bool = False
    turns: tuple[str, ...] = ()
    """What the user says after each decline."""
    from_file: bool = False
    """The user's file says what is asked instead."""


def names() -> list[str]:
    """Every condition that ships with Primum."""
    # From the folder, so that a new condition is one file and no line here.
    return sorted(
        Path(entry.name).stem
        for entry in resources.files("eval.conditions").iterdir()
        if entry.name.endswith(".yaml")
    )


def condition(name: str) -> Condition:
    """One of `names()`, or a YAML file of the user's own.

    Raises RecordError that says what is wrong with it.
    """
    if name.endswith((".yaml", ".yml")):
        return _read(Path(name))
    if name not in names():
        near = get_close_matches(name, names(), n=1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else f"wanted {', '.join(names())}, or the path of a YAML file"
        )
        raise RecordError(f"eval.conditions: no condition is called {name!r}; {hint}")
    with resources.as_file(resources.files("eval.conditions").joinpath(f"{name}.yaml")) as path:
        return _read(path)


def _read(path: Path) -> Condition:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecordError(
            f"{path}: cannot be read as YAML ({' '.join(str(error).split())}); see "
            "docs/conditions.md"
        ) from error
    faults = _faults(content)
    if faults:
        raise RecordError([f"{path}: {fault}; see docs/conditions.md" for fault in faults])
    return Condition(**{**content, "turns": tuple(content.get("turns", ()))})


def _faults(content: Any) -> list[str]:
    known = Condition.__dataclass_fields__
    if not isinstance(content, dict):
        return [
            "wanted a mapping with name, title, citation and what is done, got "
            f"{type(content).__name__}"
        ]
    found = []
    for name in content:
        if name not in known:
            found.append(f"no setting is called {name}; wanted {', '.join(known)}")
    for name in ("name", "title", "citation"):
        if not content.get(name):
            found.append(f"no {name}")
    done = []
    for name in ("user", "drop_system", "turns", "from_file"):
        if content.get(name):
            done.append(name)
    # Two things at once could not be told apart in the result.
    if len(done) != 1:
        found.append(
            f"wanted one of user, drop_system, turns and from_file, got {', '.join(done) or 'none'}"
        )
    if content.get("user") and REQUEST not in str(content["user"]):
        found.append(f"user: no {REQUEST} in it, so the request would not be asked")
    return found
