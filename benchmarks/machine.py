"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.run.provenance import installed

ROOT = Path(__file__).parent.parent


def machine(device: str, packages: Sequence[str]) -> dict[str, Any]:
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "",
    )
    versions = {name: installed(name) for name in packages}
    found = {
        "processor": model,
        # Those that this process may use, not those that the machine has.
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **versions,
    }
    if "OMP_NUM_THREADS" in os.environ:
        found["threads"] = int(os.environ["OMP_NUM_THREADS"])
    if device == "cuda":
        import torch  # noqa: PLC0415  the driver itself computes nothing

        found["gpu"] = torch.cuda.get_device_name()
    return found


def python_path(root: Path) -> str:
    """PYTHONPATH of a process that computes with the checkout in `root` and with whatever this one
    was given.
    """
    return os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
