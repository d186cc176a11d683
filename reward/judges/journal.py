"""A file of rows that grows by one line at a time and loses none of them, whatever ends the
process."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path
from typing import Any

from records.errors import RecordError, ResourceError
from records.rows import shorten
from records.strict_json import strict_loads
from reward.judges.journal_rows import JournalRow


class Journal:
    """Rows as JSON Lines. `append` returns when its row is on the disk; rows may come from several
    threads.

    A process that was killed while it wrote leaves a last line without an end; it is cut off
    when the file is opened again. One process at a time may have a journal open. It is readable
    by its owner only: replies may quote harmful text.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.healed = False
        self._append = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Appended to, whatever else has it open; and no link is followed, which would lead
            # replies with harmful text somewhere else.
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ResourceError(
                f"{path}: cannot be opened ({error.strerror}); name a folder of replies that can "
                "be written"
            ) from error
        try:
            self._hold()
            self.rows = self._read()
        except BaseException:
            self.close()
            raise

    def append(self, row: JournalRow, *, durable: bool = True) -> None:
        """Raises ResourceError where the disk takes it not; the file then ends as it did before.

        A row that is not `durable` outlives the process, but perhaps not the machine.
        """
        # In ASCII: replies may hold halves of characters, which UTF-8 cannot write.
        line = json.dumps(row, ensure_ascii=True).encode("ascii") + b"\n"
        with self._append:
            end = os.fstat(self._file).st_size
            try:
                # One write of one line. A short one (disk full) is undone, or the next row would
                # join it.
                if os.write(self._file, line) != len(line):
                    raise OSError(None, "the disk is full")
                if durable:
                    os.fsync(self._file)
            except OSError as error:
                os.ftruncate(self._file, end)
                raise ResourceError(
                    f"{self.path}: cannot be written ({error.strerror}); make room and run the "
                    "command again, what is there is kept"
                ) from error

    def close(self) -> None:
        """Close the file; what was written is on the disk."""
        os.close(self._file)

    def _hold(self) -> None:
        try:
            # Not waited for: the other process may be at it for hours. A lock goes with its
            # process.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResourceError(
                f"{self.path}: another process asks the same judge; wait for it, or everything "
                "would be asked and paid for twice"
            ) from error
        except OSError:
            return  # a file system without locks is used as it is

    def _read(self) -> list[dict[str, Any]]:
        with open(self._file, "rb", closefd=False) as file:
            content = file.read()
        # Only the last line can be torn, as rows are written one after the other.
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._file, whole)
            self.healed = True
        rows, faults = [], []
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                row = strict_loads(line.decode("ascii"))
                if not isinstance(row, dict):
                    raise ValueError(f"wanted a JSON object, got {type(row).__name__}")
                rows.append(row)
            except ValueError as error:
                faults.append(
                    f"{self.path}:{number}: damaged ({error}); remove the line, and its completion "
                    "is asked about again"
                )
        # Not passed over: a damaged row may be one that counts against the budget.
        if faults:
            raise RecordError(shorten(faults))
        return rows
