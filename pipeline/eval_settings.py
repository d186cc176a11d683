"""What the eval stage sees of the run's config."""

from __future__ import annotations

from dataclasses import dataclass

from data_prep.config import SourceConfig
from eval.config import EvalConfig, GateConfig
from models.config import VllmConfig
from pipeline.run.declared import Part, StageSettings, beside
from pipeline.setting_parts import PolicyModel, Rounds, StartsFrom
from train.config import ControlConfig, TrainerConfig, WandbConfig


@dataclass(frozen=True, kw_only=True)
class MeasuredModel(PolicyModel):
    vllm: VllmConfig = beside()


@dataclass(frozen=True, kw_only=True)
class Accepted(Part):
    """Which failed probes are accepted, as the report says."""

    accept_failed_probes: list[str]


@dataclass(frozen=True, kw_only=True)
class Sources(Part):
    """The report quotes the sources and their licences."""

    sources: list[SourceConfig]


@dataclass(frozen=True, kw_only=True)
class Verdict(Part):
    """The verdict is on the policy that is to be released, named before the numbers are seen.

    The gate on the page names its limits, and release asks again: new limits measure nothing again.
    The gate's error rates are told for the limits of the day; release computes them again for its
    own.
    """

    policy: str
    gate: GateConfig = beside()


@dataclass(frozen=True, kw_only=True)
class EvalSettings(StageSettings):
    """What the eval stage sees."""

    model: MeasuredModel
    score: Accepted
    eval: EvalConfig
    control: ControlConfig
    data: Sources
    release: Verdict
    trainer: TrainerConfig = beside()
    dpo: Rounds
    rlhf: StartsFrom
    wandb: WandbConfig = beside()
