"""Where the rooms are: beside this package in a checkout, inside it where a wheel has put it.

A wheel keeps them in primum/rooms, so that nothing called `train` or `eval` lies in site-packages.
They are found at the end of the import path, behind everything of the user's own.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

ROOMS = ("records", "measures", "data_prep", "models", "train", "reward", "eval", "pipeline")


def find_rooms() -> None:
    """Make them importable.

    Raises ImportError where something else in this process bears the name of one.
    """
    inside = Path(__file__).parent / "rooms"
    home = inside if inside.is_dir() else Path(__file__).parents[1]
    if str(home) not in sys.path:
        # At the end: a user's own package `train` must go on being importable in their process.
        sys.path.append(str(home))
    for room in ROOMS:
        found = _place(room)
        # Such short names are common. Without this check a foreign `eval` would fail later, in the
        # middle of a run, with an attribute that it lacks.
        if found != home.resolve() / room:
            raise ImportError(
                f"primum needs its own package {room!r} of {home}, and the import path has another "
                f"one before it: {found}; rename that file or folder, or start Python elsewhere"
            )


def _place(room: str) -> Path:
    """The folder that `import ROOM` would take, or the file of a module of that name."""
    spec = find_spec(room)
    origin = Path(spec.origin).resolve() if spec and spec.origin else Path()
    return origin.parent if origin.name == "__init__.py" else origin
