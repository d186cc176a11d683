"""Parts of the config's blocks that the settings of several stages hold."""

from __future__ import annotations

from dataclasses import dataclass

from eval.config import ScoreboardConfig
from models.config import (
    AdapterConfig,
    ExportDtype,
    GenerationConfig,
    ModelConfig,
    VllmConfig,
)
from pipeline.run.declared import Part, StageSettings, beside
from train.config import TrainerConfig, WandbConfig


@dataclass(frozen=True, kw_only=True)
class PolicyModel(Part):
    """What of the model's block a trained policy depends on; where vLLM is installed is not in
    it.
    """

    base: ModelConfig
    adapter: AdapterConfig
    max_length: int
    export_dtype: ExportDtype


@dataclass(frozen=True, kw_only=True)
class WritingModel(Part):
    """A base that writes completions, by whichever engine."""

    base: ModelConfig
    vllm: VllmConfig = beside()


@dataclass(frozen=True, kw_only=True)
class BaseModel(Part):
    """The base and how much of a row it is given."""

    base: ModelConfig
    max_length: int


@dataclass(frozen=True, kw_only=True)
class GenerationDtype(Part):
    """The type in which scorers compute, of a generation's block."""

    dtype: str


@dataclass(frozen=True, kw_only=True)
class Accepts(Part):
    """Failed probes that a run accepts: they decide whether a stage stops, and nothing that it
    finds.
    """

    accept_failed_probes: list[str] = beside()


@dataclass(frozen=True, kw_only=True)
class Rounds(Part):
    """How often DPO is repeated, which decides what a stage reads."""

    rounds: int = beside()


@dataclass(frozen=True, kw_only=True)
class StartsFrom(Part):
    """What online training starts from, which decides what a stage reads."""

    starts_from: str = beside()


@dataclass(frozen=True, kw_only=True)
class Revisions(Part):
    """Whether there are revisions to read."""

    revisions: int = beside()


@dataclass(frozen=True, kw_only=True)
class SplitSeed(Part):
    """The seed of the splits, which counts as a stage's seed where it is one."""

    seed: int | None = beside()


@dataclass(frozen=True, kw_only=True)
class Splits(Part):
    split: SplitSeed


@dataclass(frozen=True, kw_only=True)
class MeasuredBy(Part):
    """What of the eval block a training depends on: how its scoreboard measures."""

    generation: GenerationConfig
    scoreboard: ScoreboardConfig
    confidence: float


@dataclass(frozen=True, kw_only=True)
class TrainingView(StageSettings):
    """What every training of a policy sees. Of the trainer its result depends on the precision
    alone: a job may go on with other ranks, another strategy or token budget.
    """

    model: PolicyModel
    eval: MeasuredBy
    trainer: TrainerConfig = beside(but=("precision",))
    wandb: WandbConfig = beside()
    score: Accepts
