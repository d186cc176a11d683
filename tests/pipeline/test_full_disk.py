"""A run on a disk that fills up stops in one line, and goes on once there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_a_full_disk_stops_a_run_in_one_line_and_room_lets_it_go_on(
    tmp_path: Path,
    primum: Callable[..., subprocess.CompletedProcess[str]],
    tiny_run: Callable[..., list[str]],
    finished: Path,
    evidence: Callable[[Path], dict[str, Any]],
) -> None:
    """A disk that runs out of inodes says ENOSPC at every file in turn, while its free bytes look
    well.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4g,nr_inodes=24", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be made by root only: mount -t tmpfs is not permitted here")
    try:
        stopped = 0
        for inodes in range(60, 600, 90):
            result = primum("run", *tiny_run(disk / "run"))
            if result.returncode == 0:
                break
            stopped += 1
            assert result.returncode == 2, result.stderr
            assert "Traceback" not in result.stderr
            (line,) = [line for line in result.stderr.splitlines() if line.startswith("primum: ")]
            assert "No space left" in line or "the disk took no more" in line
            assert "run the command again to go on" in line
            subprocess.run(
                ["mount", "-o", f"remount,size=4g,nr_inodes={inodes}", str(disk)], check=True
            )
        assert stopped >= 3
        assert result.returncode == 0, result.stderr
        assert evidence(disk / "run") == evidence(finished)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
