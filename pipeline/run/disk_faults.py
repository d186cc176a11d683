"""What the disk refuses, said with what mends it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from records.cache import cache_directory

REMEDIES = {
    errno.EACCES: "grant access",
    errno.EPERM: "grant access",
    errno.ENOSPC: "free some room",
    errno.EDQUOT: "free some room",
    errno.EROFS: "make it writable",
    errno.EIO: "look at the disk, which cannot read or write it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "move away the file that stands where a folder is wanted",
    errno.EISDIR: "move away the folder that stands where a file is wanted",
    errno.ELOOP: "remove the link that leads to itself",
    errno.EINVAL: "put a file in its place",
}
"""What the disk may answer, and what the user can do."""
FULL_OR_CLOSED = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Never a fault of the program, though it be not said of which file."""


def disk_fault(error: OSError, run_dir: Path) -> str:
    """One line for the user; empty for an error that is no answer of a disk.

    A file that the user has named is not mended by another run_dir.
    """
    # Without a file's name an error of another kind may be a fault of ours.
    if error.errno not in REMEDIES or (error.errno not in FULL_OR_CLOSED and not error.filename):
        return ""
    where = (
        Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else run_dir
    )
    name = _setting_of(where.absolute(), run_dir)
    other = f"set {name} elsewhere" if name else "name another file or folder"
    return (
        f"{where}: {error.strerror}; {REMEDIES[error.errno]}, or {other}; run the command again to "
        "go on"
    )


def _setting_of(where: Path, run_dir: Path) -> str:
    """The setting or variable that the place follows from; empty for a place of the user's."""
    written = {"run_dir": run_dir.absolute(), "PRIMUM_CACHE": cache_directory().absolute()}
    holders, above = [], []
    for name, folder in written.items():
        if where.is_relative_to(folder):
            holders.append(name)
        elif folder.is_relative_to(where):
            above.append(name)
    # Of a folder above both, which of them was to be made cannot be told.
    return holders[0] if holders else above[0] if len(above) == 1 else ""
