"""Where runs keep what they share and can make again."""

from __future__ import annotations

import os
import platform
from collections.abc import MutableMapping
from pathlib import Path


def cache_directory() -> Path:
    """PRIMUM_CACHE, else ~/.cache/primum."""
    return Path(os.environ.get("PRIMUM_CACHE") or "~/.cache/primum").expanduser()


def name_compiler_caches(environment: MutableMapping[str, str]) -> None:
    """Where torch's and Triton's compilers keep kernels: a folder a node, kept between stages.

    What the environment names already stays.

    Their own defaults lie under TMPDIR, which often is another for each job, and a kernel of
    attention takes 10 to 50 seconds to compile.
    """
    # A folder a node: on a shared file system nodes with other GPUs or drivers would load each
    # other's kernels, and ranks of many nodes would lock the same files.
    folder = cache_directory() / "compiled" / (platform.node() or "node")
    for name, part in (("TORCHINDUCTOR_CACHE_DIR", "inductor"), ("TRITON_CACHE_DIR", "triton")):
        environment.setdefault(name, str(folder / part))
