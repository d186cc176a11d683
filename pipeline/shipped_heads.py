"""The factor heads that ship, as files that a stage reads: other heads make it run again."""

from __future__ import annotations

from pipeline.run.config import RunConfig
from records.stage_folder import sha256_file
from reward.factors.shipped import FACTS, FOLDER, NUMBERS


def head_files() -> dict[str, str]:
    """Hashes of both files; neither is loaded."""
    # Both: the sha256 that heads.json records is of the numbers, and not of the rules beside them.
    return {f"factor heads {name}": sha256_file(FOLDER / name) for name in (NUMBERS, FACTS)}


def measuring_heads(config: RunConfig) -> dict[str, str]:
    """Of stages that ask the heads unless the config leaves them out."""
    return head_files() if config.eval.factors else {}
