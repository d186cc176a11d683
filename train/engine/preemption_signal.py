"""A scheduler's notice that this process must end soon.

It is recorded from the start of the process and acted on between steps.

Imports nothing but the standard library: the command line listens before anything else is loaded,
since an unhandled SIGUSR1 kills.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from records.errors import PreemptedError

DEADLINE = "PRIMUM_DEADLINE"
"""Environment variable: when the job will be killed, in seconds since the epoch."""
MARKER = "PRIMUM_PREEMPTED"
"""Environment variable: a file that is made when this process stopped early and can go on; srun's
exit code may be that of a killed rank."""

_state: dict[str, Any] = {"heard": "", "interruptible": False}


def listen(*signals: signal.Signals) -> None:
    """From now on these signals (SIGUSR1, unless told otherwise) are notices; they no longer end
    the process by themselves.
    """
    for number in signals or (signal.SIGUSR1,):
        signal.signal(number, _hear)


def stop_listening() -> None:
    """Notices are for nobody any more.

    At its end the interpreter takes handlers away, and SIGUSR1 would kill what has just succeeded.
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def heard() -> str | None:
    """The signal that gave notice; None when none came."""
    return _state["heard"] or None


def seconds_left() -> float:
    """Until the job's time limit; infinite where none is known."""
    deadline = os.environ.get(DEADLINE)
    return float(deadline) - time.time() if deadline else float("inf")


@contextmanager
def interruptible() -> Iterator[None]:
    """For work that loses nothing when it ends at any point: notice raises PreemptedError there and
    then.
    """
    if heard():
        raise PreemptedError(heard())
    _state["interruptible"] = True
    try:
        yield
    finally:
        _state["interruptible"] = False


def leave_marker() -> None:
    """Tell the batch script, where there is one, that this end is not a failure."""
    marker = os.environ.get(MARKER)
    if marker:
        Path(marker).touch()


def _hear(number: int, frame: Any) -> None:
    # Nothing else: whatever a rank is in the middle of, the others may be waiting for it.
    _state["heard"] = signal.Signals(number).name
    if _state["interruptible"]:
        _state["interruptible"] = False
        raise PreemptedError(heard())
