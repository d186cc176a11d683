"""The factor heads that ship, and the texts of the audit, as files that a stage reads: others make
it run again.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from pipeline.run.config import RunConfig
from records.stage_folder import sha256_file
from reward.factors.shipped import ADVICE, FACTS, FOLDER, NUMBERS


def head_files() -> dict[str, str]:
    """Hashes of both files; neither is loaded."""
    # Both: the sha256 that heads.json records is of the numbers, and not of the rules beside them.
    return {f"factor heads {name}": sha256_file(FOLDER / name) for name in (NUMBERS, FACTS)}


def measuring_heads(config: RunConfig) -> dict[str, str]:
    """Of stages that ask the heads unless the config leaves them out."""
    return head_files() if config.eval.factors else {}


def audit_files() -> dict[str, str]:
    """Hashes of what the audit is made of: pairs of advice, and the project's own requests."""
    requests = Path(str(files("data_prep").joinpath("package_data")))
    texts = [FOLDER / ADVICE, *sorted(requests.glob("principle_*.jsonl"))]
    return {f"audit text {path.name}": sha256_file(path) for path in texts}
