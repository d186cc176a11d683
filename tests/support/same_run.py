"""Everything in a run directory that must not depend on how often the run was cut off: the bytes of
every file but for clocks.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

CLOCKS = ("started", "finished", "created", "seconds", "seconds_by_stage", "at")
"""Entries of JSON files that say when, or how long."""
OF_CLOCKS = ("seal", "fingerprint", "config_sha256")
"""Entries that are hashes of what holds clocks: the seal of a record, and what a release is made
from (results.json)."""
OF_THE_PLACE = (".lock", ".known.json")
"""Files about the directory itself: a lock, and the times and inodes of files that were checked."""
HOLD_CLOCKS = (
    "run.json",
    "results.json",
    "report.md",
    "report.html",
    "samples.html",
    "README.md",
    "provenance.json",
)
"""Files whose own hash and size in a manifest differ with them; what they hold besides is
compared."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\+00:00)?| UTC)")
_STAGE_SECONDS = re.compile(
    r"""(seconds_by_stage\.\w+(?: \| |</td>\s*<td>(?:<span class="whole">)?))[\d.]+"""
)


def contents(run_dir: Path) -> dict[str, str]:
    """By name of a file in the run, a hash of its bytes, or what a file with clocks says besides
    them.
    """
    files = sorted(
        path for path in run_dir.rglob("*") if path.is_file() and path.name not in OF_THE_PLACE
    )
    return {str(path.relative_to(run_dir)): _content(path) for path in files}


def differences(run_dir: Path, wanted: Path) -> list[str]:
    """The files that are in one run alone or differ; empty where the runs are the same."""
    found, due = contents(run_dir), contents(wanted)
    return sorted(name for name in found.keys() | due.keys() if found.get(name) != due.get(name))


def _content(path: Path) -> str:
    if path.name == "manifest.json" or (path.name in HOLD_CLOCKS and path.suffix == ".json"):
        return json.dumps(_without_clocks(json.loads(path.read_bytes())), indent=1)
    if path.name in HOLD_CLOCKS:
        text = _MOMENT.sub("MOMENT", path.read_text(encoding="utf-8"))
        return _STAGE_SECONDS.sub(r"\1SECONDS", text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _without_clocks(value: Any, name: str = "") -> Any:
    if isinstance(value, list):
        return [_without_clocks(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    skipped = {*CLOCKS, *OF_CLOCKS}
    if Path(name).name in HOLD_CLOCKS:
        skipped |= {"sha256", "bytes"}
    kept = {key: _without_clocks(inner, key) for key, inner in value.items() if key not in skipped}
    if isinstance(kept.get("eval"), str):
        # Among a release's inputs: the hash of all that eval left, results.json too.
        del kept["eval"]
    return kept
