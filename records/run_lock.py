"""One process at a time in a run directory."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path

from records.errors import ResourceError
from records.permissions import make_passable


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run directory for this process; a second one is told so instead of writing into the
    same files.

    A file system without locks (Lustre mounted without flock) is used as it is.
    """
    with _lock_file(folder) as file:
        try:
            # The lock of an open file ends with its process, also after SIGKILL; a file that merely
            # exists would have to be removed by hand after every preemption.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResourceError(
                f"{folder}: another primum process works in this run directory; wait for it or set "
                "another run_dir"
            ) from error
        # Without a lock two processes may clash, but refusing here would shut out whole clusters.
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise
        yield


def _lock_file(folder: Path) -> BufferedRandom:
    """Opened without following a link and without emptying what is there."""
    path = folder / ".lock"
    try:
        make_passable(folder)
        # The lock is opened read-write because NFS serves an exclusive flock by a write lock.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ResourceError(
                f"{path}: a link, wanted a file that Primum makes itself; delete the link"
            ) from error
        raise ResourceError(
            f"{folder}: cannot be written ({error.strerror}); set run_dir to a directory that can"
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ResourceError(
            f"{path}: no regular file, wanted one that Primum makes itself; delete it"
        )
    return os.fdopen(descriptor, "r+b")
