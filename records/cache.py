"""Where runs keep what they share and can make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """PRIMUM_CACHE, else ~/.cache/primum."""
    return Path(os.environ.get("PRIMUM_CACHE") or "~/.cache/primum").expanduser()
