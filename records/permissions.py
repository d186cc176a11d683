"""Who may read what Primum writes: a run holds completions of harmful prompts, a release is for
others.

A process's umask decides it for every file, whichever library writes it. While a run is written the
umask admits its owner, or its group too where PRIMUM_READERS says so; what is meant for others is
opened afterwards, as far as the umask that the process began with allows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal

from records.errors import ConfigError

VARIABLE = "PRIMUM_READERS"
"""Of the environment: a group that shares its runs sets it once, for all of them."""
Readers = Literal["owner", "group"]
_CLOSED: dict[Readers, int] = {"owner": 0o077, "group": 0o007}
_BEGAN_WITH: ContextVar[int | None] = ContextVar("umask of the user", default=None)


def readers(environment: Mapping[str, str]) -> Readers:
    """Who may read a run. Raises ConfigError."""
    said = environment.get(VARIABLE) or "owner"
    if said not in _CLOSED:
        raise ConfigError(
            f"{VARIABLE}={said}: wanted {' or '.join(_CLOSED)}; set it to one of them, or unset it "
            "for owner"
        )
    return said


@contextmanager
def readable_by(readers: Readers) -> Iterator[None]:
    """New files and folders are for these readers alone; never for more than the user's umask
    admits.
    """
    own = users_umask()
    token = _BEGAN_WITH.set(own)
    # The umask can only take permissions away, so that a user's own stricter one stays in force.
    before = os.umask(own | _CLOSED[readers])
    try:
        yield
    finally:
        os.umask(before)
        _BEGAN_WITH.reset(token)


def users_umask() -> int:
    """What the process began with, whatever holds now."""
    began = _BEGAN_WITH.get()
    return current_umask() if began is None else began


def current_umask() -> int:
    """The umask of this process, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def make_passable(folder: Path) -> None:
    """Make a run's folder: others may pass through it to a release in it, and not list it; folders
    above it are usual ones.
    """
    missing = []
    # Which folders are new has to be known before mkdir makes them; those of others keep their
    # mode.
    for place in (folder, *folder.absolute().parents):
        if not place.exists():
            missing.append(place)
    folder.mkdir(parents=True, exist_ok=True)
    for place in missing[1:]:
        # A folder may have its group from the one above it.
        place.chmod(_mode(place) | (0o777 & ~users_umask()))
    if missing:
        let_through(folder)


def let_through(folder: Path) -> None:
    """Others may reach what lies in the folder by its name, where that admits them."""
    # The x bit alone: who knows the name of a release may reach it, and nobody can list a run.
    folder.chmod(_mode(folder) | (0o111 & ~users_umask()))


def open_to_readers(folder: Path, mask: int | None = None) -> None:
    """The folder and all in it as the umask gives to any new file; by default the user's."""
    closed = users_umask() if mask is None else mask
    for path in (folder, *folder.rglob("*")):
        # chmod follows a link, and what it leads to may be no part of the folder.
        if not path.is_symlink() and (path.is_file() or path.is_dir()):
            path.chmod(_mode(path) | ((0o777 if path.is_dir() else 0o666) & ~closed))


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777
