"""What a broken file of a model makes libraries raise, in words of ours."""

from __future__ import annotations

import logging
from typing import Any

from models.config import EMBEDDED, TINY
from records.errors import ModelError

BROKEN_FILES = (
    OSError,
    ValueError,
    KeyError,
    ImportError,
    TypeError,
    AttributeError,
    IndexError,
    RecursionError,
)
"""What transformers raises for files that are missing, damaged or of another shape."""


class explained:
    """Turns the many exceptions of loading a model into one ModelError that says what to do."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: Any
    ) -> None:
        # The tokenizers library raises a bare Exception.
        if (isinstance(error, BROKEN_FILES) or kind is Exception) and not isinstance(
            error, ModelError
        ):
            reason = (
                str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            )
            raise ModelError(
                f"model {self.path!r} cannot be loaded: {reason}; wanted a directory, a hub id "
                f"that this machine can reach, {EMBEDDED!r} or {TINY!r}"
            ) from error
