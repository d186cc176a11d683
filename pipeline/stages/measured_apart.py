"""What stages of their own measure of the policies, as eval puts it into results.json."""

from __future__ import annotations

from typing import Any

from pipeline.run.config import RunConfig
from pipeline.run.inputs import Inputs
from pipeline.run.registry import STAGES
from records.run_files import CAPABILITY, TAMPER, RunFile
from records.stage_folder import read_json

APART = {"capability": CAPABILITY, "tamper": TAMPER}
"""The key in results.json, which is the stage too, and the file that holds its value."""


def left_apart(config: RunConfig) -> tuple[RunFile[Any], ...]:
    """The files of those stages that this run has."""
    return tuple(file for stage, file in APART.items() if STAGES[stage].is_wanted(config))


def measured_apart(config: RunConfig, inputs: Inputs) -> dict[str, Any]:
    """null for what the run does not measure."""
    left = left_apart(config)
    found: dict[str, Any] = {}
    for name, file in APART.items():
        found[name] = read_json(inputs.path(file)) if file in left else None
    return found
