"""Is there room on the disk?"""

from __future__ import annotations

import shutil
from pathlib import Path

from records.errors import ResourceError


def require_room(folder: Path, gigabytes: float) -> None:
    """Raise before work starts when the disk cannot hold the result."""
    # The folder itself may not exist yet, and disk_usage raises for a path that is not there.
    free = shutil.disk_usage(existing_parent(folder)).free / 1e9
    if free < gigabytes:
        raise ResourceError(
            f"{folder}: {free:.1f} GB free on that disk, this stage may write {gigabytes:.1f} GB; "
            "free some or set run_dir elsewhere"
        )


def existing_parent(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(p for p in (folder, *folder.absolute().parents) if p.exists())
