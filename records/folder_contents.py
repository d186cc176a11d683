"""What lies in a stage's folder, and what of it does not belong there. No link is ever followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple, NoReturn


class Contents(NamedTuple):
    """Paths below a folder, relative to it, in order."""

    files: list[str]
    others: list[str]
    """Links, to files or folders, and whatever else is neither file nor folder."""


def contents(folder: Path, *, leave_out: str) -> Contents:
    """Everything below `folder` but its entry `leave_out`; empty folders do not count."""
    files: list[str] = []
    others: list[str] = []
    # By default os.walk passes over a folder that it cannot read: its files would be missing from
    # the manifest in silence.
    for here, folders, names in os.walk(folder, onerror=_raise):
        # os.walk visits what is left in this list: the removal here saves a walk through
        # checkpoints.
        if Path(here) == folder and leave_out in folders:
            folders.remove(leave_out)
        for name in [*folders, *names]:
            path = Path(here) / name
            # lstat: stat would describe the target of a link, and a link out of the run would count
            # as a file of it.
            mode = path.lstat().st_mode
            if not stat.S_ISDIR(mode):
                (files if stat.S_ISREG(mode) else others).append(str(path.relative_to(folder)))
    return Contents(sorted(files), sorted(name for name in others if name != leave_out))


def odd_one(folder: Path, name: str) -> str:
    """A link, pipe or socket named for the user."""
    path = folder / name
    if path.is_symlink():
        target = shown(Path(os.readlink(path)))
        return (
            f"{shown(path)}: a link to {target}, and no link is followed; put a copy of the file "
            "in its place or move the link away"
        )
    return f"{shown(path)}: neither file nor folder; move it away"


def intruder(folder: Path, name: str) -> str:
    """A file that the stage did not write, named for the user."""
    where = shown(folder / name)
    return (
        f"{where}: no file of this stage (manifest.json does not list it); move it away, or delete "
        "it"
    )


def shown(path: Path) -> str:
    """The path as it is, or escaped where it would not print on one line."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def _raise(error: OSError) -> NoReturn:
    raise error


def is_or_lies_in(name: str, places: list[str]) -> bool:
    """Whether a name is one of the places or stands below one."""
    return any(name == place or name.startswith(f"{place}/") for place in places)
