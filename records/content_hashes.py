"""The sha256 of large files, computed once for each content and remembered from one run to the
next.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from records.errors import ArtifactError
from records.own_files import entry, read_own, sealed_line
from records.stage_folder import sha256_file

SETTLED = 2_000_000_000
"""Nanoseconds since its last change from which a file's hash is remembered: within one tick of a
file system's clock, a second change would leave the same time."""
AT_ONCE = 4
"""Files that are read side by side; hashing leaves Python's lock."""


def content_hashes(files: Iterable[Path], memory: Path) -> dict[Path, str]:
    """The sha256 of every file. Those known by path, size, times and inode in the folder `memory`
    are not read again.

    Raises OSError for a file that cannot be read; a folder `memory` that cannot be written costs
    time only.
    """
    wanted = list(files)
    # Threads and not processes: hashlib lets go of Python's lock while it digests, and the model
    # files that are hashed here are read from a disk or a network that serves several readers.
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return dict(
            zip(wanted, threads.map(lambda file: content_hash(file, memory), wanted), strict=True)
        )


def content_hash(file: Path, memory: Path) -> str:
    """The sha256 of one file, as `content_hashes` has it."""
    identity = _identity(file)
    # The path is hashed because a file name may not hold "/" and is at most 255 bytes long.
    note = memory / f"{hashlib.sha256(os.fsencode(str(identity['path']))).hexdigest()[:32]}.json"
    known = _known(note, identity)
    if known:
        return known
    found = sha256_file(file)
    # The identity is taken again: a file that was written to while it was being hashed must not
    # leave a hash that belongs to neither of its contents.
    if _identity(file) == identity and time.time_ns() - int(identity["mtime_ns"]) > SETTLED:
        # A cluster's cache may be full or read-only; the hash itself was computed, so nothing is
        # lost.
        with suppress(OSError):
            _remember(note, {**identity, "sha256": found})
    return found


def _identity(file: Path) -> dict[str, Any]:
    status = file.stat()
    return {
        "path": str(file.resolve()),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        # A tool that sets the time of a change back cannot set this one.
        "ctime_ns": status.st_ctime_ns,
        "inode": status.st_ino,
    }


def _known(note: Path, identity: dict[str, Any]) -> str:
    """Empty where nothing is remembered of the file as it is now, or the note is damaged."""
    if not note.is_file():
        return ""
    try:
        return read_own(note, lambda record: _hash_of(record, identity))
    # A damaged note costs one reading of the file and is written anew; it must not stop a run.
    except ArtifactError:
        return ""


def _hash_of(record: dict[str, Any], identity: dict[str, Any]) -> str:
    found = entry(record, "sha256", str)
    # The whole record is compared and not only the path: one other size, time or inode means that
    # the content may be another.
    return found if record == {**identity, "sha256": found} else ""


def _remember(note: Path, record: dict[str, Any]) -> None:
    """Runs that share the folder may write the same note at the same time."""
    note.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own for each writer, and a rename at the end: a reader sees a whole note, and
    # two writers of one note never write into the same open file.
    descriptor, beside = tempfile.mkstemp(prefix=".note-", dir=note.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(sealed_line(record))
    os.replace(beside, note)
