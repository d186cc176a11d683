"""What a user is told once, however often it comes up."""

from __future__ import annotations

import sys
from functools import cache

from tqdm import tqdm


@cache
def say_once(text: str) -> None:
    """On standard error, beside a progress bar that may be shown there."""
    tqdm.write(text, file=sys.stderr)
