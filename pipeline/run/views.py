"""Settings as the helpers of several stages read them.

A run's config shows them, and so do the settings of every stage that calls such a helper: mypy
holds a stage to declare what its helpers read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from data_prep.config import EmbeddingConfig
    from eval.capability.config import CapabilityConfig
    from eval.config import EvalConfig, ScoreboardConfig
    from models.config import (
        AdapterConfig,
        ExportDtype,
        GenerationConfig,
        ModelConfig,
        Typed,
        VllmConfig,
    )
    from pipeline.run.config import SampleConfig
    from train.config import TrainerConfig, WandbConfig


class Accepting(Protocol):
    """Which failed probes of a reward model's audit a run accepts."""

    # Properties, as fields of a frozen dataclass cannot be set: mypy would refuse them for a plain
    # attribute of a protocol.
    @property
    def accept_failed_probes(self) -> list[str]: ...


class OnHardware(Protocol):
    """Ranks and devices."""

    @property
    def trainer(self) -> TrainerConfig: ...


class AsksHarmModel(OnHardware, Protocol):
    """For the run's reward model."""

    @property
    def score(self) -> Accepting: ...


class HasVllm(Protocol):
    """Where vLLM is installed."""

    @property
    def vllm(self) -> VllmConfig: ...


class Writes(OnHardware, Protocol):
    """For a policy that writes completions."""

    @property
    def model(self) -> HasVllm: ...


class ScorersWanted(Protocol):
    """In what type scorers compute, and whether the shipped ones are asked."""

    @property
    def generation(self) -> Typed: ...

    @property
    def factors(self) -> bool: ...


class AsksScorers(AsksHarmModel, Protocol):
    """For every scorer of a run."""

    @property
    def eval(self) -> ScorersWanted: ...


class AdaptedModel(Protocol):
    """What a trained policy depends on of the model's block."""

    @property
    def base(self) -> ModelConfig: ...

    @property
    def adapter(self) -> AdapterConfig: ...

    @property
    def max_length(self) -> int: ...

    @property
    def export_dtype(self) -> ExportDtype: ...


class ScoreboardSettings(Protocol):
    """How a training's scoreboard measures."""

    @property
    def generation(self) -> GenerationConfig: ...

    @property
    def scoreboard(self) -> ScoreboardConfig: ...

    @property
    def confidence(self) -> float: ...


class Trains(AsksHarmModel, Protocol):
    """For every training of a policy."""

    @property
    def seed(self) -> int: ...

    @property
    def model(self) -> AdaptedModel: ...

    @property
    def eval(self) -> ScoreboardSettings: ...

    @property
    def wandb(self) -> WandbConfig: ...


class HasRounds(Protocol):
    """How often DPO is repeated."""

    @property
    def rounds(self) -> int: ...


class HasStart(Protocol):
    """Which policy online training starts from."""

    @property
    def starts_from(self) -> str: ...


class MayBeLeftOut(Protocol):
    """Whether a stage is wanted."""

    @property
    def enabled(self) -> bool: ...


class NamesPolicy(Protocol):
    """Which policy is released."""

    @property
    def policy(self) -> str: ...


class Ordered(Protocol):
    """For what a policy starts from."""

    @property
    def dpo(self) -> HasRounds: ...

    @property
    def rlhf(self) -> HasStart: ...


class TrainsSome(Ordered, Protocol):
    """For the policies that a run trains."""

    @property
    def control(self) -> MayBeLeftOut: ...


class Releases(Protocol):
    """For the policy that is released."""

    @property
    def dpo(self) -> HasRounds: ...

    @property
    def release(self) -> NamesPolicy: ...


class HasRevisions(Protocol):
    """How many completions are revised."""

    @property
    def revisions(self) -> int: ...


class Revises(Protocol):
    """For revisions."""

    @property
    def sample(self) -> HasRevisions: ...


class HasSeed(Protocol):
    """A seed of its own."""

    @property
    def seed(self) -> int | None: ...


class HasSplit(Protocol):
    """How rows are split."""

    @property
    def split(self) -> HasSeed: ...


class SplitsBySeed(Protocol):
    """For the seed of whatever training does not touch."""

    @property
    def seed(self) -> int: ...

    @property
    def data(self) -> HasSplit: ...


class HasEmbedding(Protocol):
    """What embeds texts."""

    @property
    def embedding(self) -> EmbeddingConfig: ...


class Embeds(Protocol):
    """For an embedding model."""

    @property
    def data(self) -> HasEmbedding: ...


class HasLength(Protocol):
    """Tokens of a row."""

    @property
    def max_length(self) -> int: ...


class HasCapability(Protocol):
    """Medical questions and texts."""

    @property
    def capability(self) -> CapabilityConfig: ...


class AsksQuestions(Protocol):
    """For medical questions and held-out texts."""

    @property
    def eval(self) -> HasCapability: ...

    @property
    def model(self) -> HasLength: ...


class ReleasesTrained(Releases, Ordered, Protocol):
    """For what led to the policy that is released."""


class HasBase(Protocol):
    """Which model a run starts from."""

    @property
    def base(self) -> ModelConfig: ...


class HasTemplate(Protocol):
    """For the chat template of a run's model."""

    @property
    def model(self) -> HasBase: ...


class MeasuresApart(Protocol):
    """For what stages of their own measure."""

    @property
    def eval(self) -> EvalConfig: ...


class Samples(SplitsBySeed, Protocol):
    """For the seed of what the policy writes."""

    @property
    def sample(self) -> SampleConfig: ...
