"""The reward model for the stages that ask it: refused where its audit failed, and read in the
float type of use.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.config import Typed
from models.engines.generate import generation_dtype
from pipeline.policies import device
from pipeline.run.inputs import Inputs
from pipeline.run.views import AsksHarmModel, OnHardware
from records.run_files import REWARD_MODEL, VALIDATION
from reward.model.audit import Audit, audit_in, audited, require_passed
from reward.model.harmfulness_model import HarmfulnessScorer
from reward.scorers import HARM_MODEL

AUDITED = (REWARD_MODEL, VALIDATION)
"""What a stage reads that asks it."""


def harm_model(config: AsksHarmModel, inputs: Inputs, generation: Typed) -> HarmfulnessScorer:
    """That of the run.

    Raises RecordError where it failed a probe that the config does not accept.
    """
    folder = inputs.path(REWARD_MODEL)
    accepted = config.score.accept_failed_probes
    # Before it is loaded: a scorer that failed its probes must not score a single completion.
    require_passed(audit_in(inputs.path(VALIDATION)), accepted, str(folder))
    return loaded(folder, config, generation)


def foreign_harm_model(
    folder: Path, name: str, config: AsksHarmModel, generation: Typed
) -> HarmfulnessScorer:
    """That of another run, held to its audit.

    Raises RecordError where it failed a probe that the config does not accept.
    """
    scorer = loaded(folder, config, generation, name)
    audit = audit_of(folder, lambda: scorer)
    require_passed(audit, config.score.accept_failed_probes, str(folder))
    return scorer


def audit_of(folder: Path, load: Callable[[], HarmfulnessScorer]) -> Audit:
    """What its own run found of a reward model; asked here where the run left no record of it."""
    validation = folder.parent / VALIDATION.name
    found = audit_in(validation) if validation.is_file() else Audit()
    # A folder that was copied alone, or was written before there were audits: no record is no pass.
    return found if found.probes else audited(load(), seed=0)


def loaded(
    folder: Path, config: OnHardware, generation: Typed, name: str = HARM_MODEL
) -> HarmfulnessScorer:
    """As every stage asks it: the code and the float type are those of use."""
    scorer = HarmfulnessScorer.load(folder, generation_dtype(generation), name=name)
    scorer.model.to(device(config.trainer))
    return scorer


def as_used(scorer: HarmfulnessScorer, config: OnHardware, generation: Typed) -> HarmfulnessScorer:
    """What `loaded` gives, of a scorer that was read in float32; the head stays in it."""
    # The backbone alone: the head's outputs are compared with thresholds that were set in float32.
    scorer.model.backbone.to(generation_dtype(generation))
    scorer.model.to(device(config.trainer))
    return scorer
