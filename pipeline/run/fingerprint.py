"""What the result of a stage depends on, and its hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.run.config import RunConfig, resolved
from pipeline.run.stage import Stage
from records.licences import Restrictions, for_weights, union
from records.stage_folder import SCHEMA_VERSION, StageDirectory, sha256_json


def fingerprint(stage: Stage[Any], config: RunConfig) -> tuple[str, dict[str, Any]]:
    """What the result depends on, and its hash: settings, seed, and the contents of every input."""
    run_dir = Path(config.run_dir)
    settings = resolved(config)
    basis = {
        "stage": stage.name,
        "schema_version": SCHEMA_VERSION,
        "seed": stage.seed(config),
        # Only what the stage declares: a setting of another stage makes nothing run again.
        "settings": {name: _part(settings, name) for name in stage.counted},
        "inputs": {name: _required(run_dir, name) for name in stage.inputs(config)},
        "files": stage.files(config),
        # A change of licence alone makes the stage run again.
        "restrictions": inherited(stage, config),
    }
    return sha256_json(basis), basis


def inherited(stage: Stage[Any], config: RunConfig) -> Restrictions:
    """The restrictions of everything that the stage reads of earlier ones."""
    found = []
    for name in stage.inputs(config):
        source = name.partition("/")[0]
        restrictions = StageDirectory(Path(config.run_dir) / source).restrictions()
        found.append(
            # A restriction of rows that are only measured on binds no weight.
            for_weights(restrictions) if source == "prep" and not stage.measures else restrictions
        )
    return union(found)


def _part(settings: dict[str, Any], name: str) -> Any:
    for key in name.split("."):
        settings = settings[key]
    return settings


def _required(run_dir: Path, name: str) -> str:
    stage, _, part = name.partition("/")
    return StageDirectory(run_dir / stage).require(part)
