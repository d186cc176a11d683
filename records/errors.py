"""What a user can get wrong, and how it is said.

PrimumError            shown without a traceback; exit code 2
├── ConfigError        a key, a value or a combination in the configuration
├── RecordError        a row of data; names file and line
├── ArtifactError      a stage's output that is missing, incomplete or changed
├── ModelError         a model that cannot be found, loaded or exported
├── ResourceError      no room, no device, no library
├── GateError          evidence does not meet a release gate; exit code 3
└── PreemptedError     not a mistake: told to stop, and everything is saved; exit code 75
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class PrimumError(Exception):
    """A mistake that the user can mend; carries every fault found, not only the first."""

    exit_code = 2

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("\n".join(self.faults))


class ConfigError(PrimumError):
    pass


class RecordError(PrimumError):
    pass


class ArtifactError(PrimumError):
    pass


class ModelError(PrimumError):
    pass


class ResourceError(PrimumError):
    pass


class GateError(PrimumError):
    # Other than 2, so that a job script can tell "the model is not good enough" from a mistake of
    # the user's.
    exit_code = 3


class PreemptedError(PrimumError):
    exit_code = 75  # EX_TEMPFAIL of sysexits.h: try again

    def __init__(self, reason: str | None) -> None:
        super().__init__(f"stopped in time ({reason}); run the same command again to go on")


def first_line(error: BaseException) -> str:
    """What a library's exception says, short enough to stand in one of ours."""
    # CUDA and tokenizers put pages of text into one exception; one of our faults is one line.
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def unreadable(setting: str, path: Path, error: OSError) -> str:
    """A fault: a file that a setting names and that cannot be read."""
    where = error.filename or path
    return (
        f"{setting}: {where}: cannot be read ({error.strerror}), wanted a file that this user may "
        "read; grant access to it, or name another"
    )
