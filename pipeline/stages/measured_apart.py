"""What stages of their own measure of the policies, as eval puts it into results.json."""

from __future__ import annotations

from typing import Any, NamedTuple

from eval.results.capability import Capability
from eval.results.tamper import Tamper
from pipeline.run.inputs import Inputs
from pipeline.run.registry import STAGES
from pipeline.run.views import MeasuresApart
from records.own_files import read_own
from records.run_files import CAPABILITY, TAMPER, RunFile

APART = {"capability": CAPABILITY, "tamper": TAMPER}
"""The key in results.json, which is the stage too, and the file that holds its value."""


def left_apart(config: MeasuresApart) -> tuple[RunFile[Any], ...]:
    """The files of those stages that this run has."""
    return tuple(file for stage, file in APART.items() if STAGES[stage].is_wanted(config))


class Apart(NamedTuple):
    """None is what the run does not measure."""

    capability: Capability | None
    tamper: Tamper | None


def measured_apart(config: MeasuresApart, inputs: Inputs) -> Apart:
    """What those stages found. Raises ArtifactError where a file of theirs is damaged."""
    left = left_apart(config)
    capability, tamper = None, None
    if CAPABILITY in left:
        capability = read_own(inputs.path(CAPABILITY), Capability.from_json)
    if TAMPER in left:
        tamper = read_own(inputs.path(TAMPER), Tamper.from_json)
    return Apart(capability, tamper)
