"""Files that a user names, opened so that none can hang or fill the memory: no FIFO, socket or
device, no archive that unpacks to gigabytes, no line without an end."""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from records.errors import RecordError

MB = 2**20
MOST_BYTES = 2048 * MB
"""Of a file that is read as a whole."""
MOST_LINE = 16 * MB
"""Characters of a line."""
UNPACKED = 200
"""How many times its size a file may unpack to; rows of text reach some 30, zeroes 1,000."""
ALWAYS_UNPACKED = 64 * MB
"""Bytes that every archive may unpack to."""
_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_regular(path: Path) -> io.BufferedReader:
    """The file, opened for reading. Raises OSError for what is none, so that nothing waits for one
    who never writes."""
    # Without O_NONBLOCK, opening a FIFO waits for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, f"it is {kind_of(mode)}, wanted a file", str(path))


def kind_of(mode: int) -> str:
    """What is no regular file, in words."""
    return (
        "a folder"
        if stat.S_ISDIR(mode)
        else next((name for is_kind, name in _KINDS if is_kind(mode)), "no file")
    )


def odd_files(path: Path) -> list[str]:
    """What there is at a path, or in a folder and those below it, that is neither file nor folder,
    with a remedy.
    """
    below = [path]
    # os.walk also ends at once, with nothing, for a path that is a file.
    for here, _, names in os.walk(path):
        below += [Path(here) / name for name in names]
    found = []
    for place in below:
        with suppress(OSError):  # the reader of the file reports what is wrong
            # stat and not lstat: a user's data may well be a link, and the target decides whether
            # it hangs.
            mode = place.stat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                found.append(
                    f"{place}: is {kind_of(mode)}, wanted a file; copy what it gives into a file, "
                    "or remove it"
                )
    return sorted(found)


def unpacked(path: Path) -> io.BufferedReader:
    """The file, `.gz` unpacked as it is read. Raises OSError as `open_regular`; reading it raises
    RecordError where there is no end to it."""
    file = open_regular(path)
    if path.suffix.lower() != ".gz":
        return file
    size = os.fstat(file.fileno()).st_size
    # A small file of one repeated sentence may pack very well, hence the floor for every archive.
    return io.BufferedReader(_Unpacked(path, file, max(ALWAYS_UNPACKED, UNPACKED * size)), 2**17)


def read_whole(path: Path) -> bytes:
    """All of the file, `.gz` unpacked.

    Raises OSError where it cannot be read, and RecordError where it is no whole archive or too
    large to be read at once."""
    content = bytearray()
    with unpacked(path) as file:
        try:
            # In pieces: one reading of so many bytes would take the memory for all of them at once.
            while len(content) <= MOST_BYTES and (piece := file.read(MB)):
                content += piece
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise RecordError(f"{path}: not a whole gzip file ({error}); copy it again") from error
    if len(content) > MOST_BYTES:
        raise RecordError(
            f"{path}: more than {MOST_BYTES // MB:,} MB, which is too much to be read at once; "
            "divide it, or give its rows as JSON Lines, which are read line by line"
        )
    return bytes(content)


def lines_of(path: Path, file: TextIO) -> Iterator[str]:
    """Its lines. Raises RecordError for one that does not end."""
    number = 0
    # readline with a limit: iterating over the file would read a line of gigabytes into memory
    # first.
    while line := file.readline(MOST_LINE + 1):
        number += 1
        if len(line) > MOST_LINE and line[-1] != "\n":
            raise RecordError(
                f"{path}:{number}: a line of more than {MOST_LINE // MB} million characters, "
                "wanted one row a line; write the rows again with a line end after each"
            )
        yield line


class _Unpacked(io.RawIOBase):
    """A gzip file that ends with a RecordError where it unpacks to more than `most` bytes."""

    def __init__(self, path: Path, packed: BinaryIO, most: int) -> None:
        super().__init__()
        self._path, self._packed, self._left = path, packed, most
        self._file = gzip.GzipFile(fileobj=packed, mode="rb")
        self._most = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        # Counted while it unpacks: the size in a gzip's trailer is only kept modulo 4 GB and can
        # lie.
        count = self._file.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise RecordError(
                f"{self._path}: unpacks to more than {self._most // MB:,} MB, {UNPACKED} times "
                "what a file of its size may hold; unpack it yourself and look at what is in it"
            )
        return count

    def close(self) -> None:
        if not self.closed:
            self._file.close()
            self._packed.close()
        super().close()
