"""What makes one policy training: where it starts, on what, for how long, and what is watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from eval.config import ScoreboardConfig
from models.config import GenerationConfig, ModelConfig
from models.layout.collation import Collation
from pipeline.run.views import AdaptedModel, Trains
from records.contracts import Scorer
from records.rows import Prompt
from train.config import TrainerConfig, WandbConfig
from train.engine.optimisation import Optimisation, OptimiserConfig

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from eval.measure import Measured
    from eval.results.scoreboard_row import ScoreboardRow
    from eval.scoreboard import Follower
    from train.engine.batches import BatchPlan
    from train.engine.module import TrainedModule
    from train.engine.rows import TrainingRows


@dataclass(frozen=True)
class TrainingSettings:
    """What every training of a policy goes by, beside its rows and how its weights move."""

    model: AdaptedModel
    trainer: TrainerConfig
    generation: GenerationConfig
    scoreboard: ScoreboardConfig
    confidence: float
    wandb: WandbConfig
    seed: int

    @classmethod
    def of(cls, config: Trains) -> TrainingSettings:
        """Of a config that shows all of it."""
        measured = config.eval
        return cls(
            config.model,
            config.trainer,
            measured.generation,
            measured.scoreboard,
            measured.confidence,
            config.wandb,
            config.seed,
        )


class PolicyToTrain(NamedTuple):
    model: Any
    batch_rows: Collation
    load: Callable[[], Any] | None
    """Makes the model with its weights, where `model` has none yet because ranks will read their
    shards only."""


@dataclass(frozen=True)
class Training:
    """One policy training: where it starts, on what, and for how long."""

    start: ModelConfig
    rows_of: Callable[[Any, Collation], TrainingRows]
    """From (tokenizer, how token rows become a batch)."""
    module_of: Callable[[Any, Optimisation], TrainedModule]
    """From (adapted model, how its weights move)."""
    learning_rate: float
    optimiser: OptimiserConfig
    epochs: int
    global_batch_size: int
    validation: list[Prompt]
    """What the scoreboard measures on."""
    harm_model: Callable[[], Scorer]
    """What it measures with, beside the refusal rule; asked on ranks that measure alone."""
    reads: Sequence[str]
    """The stages whose results go into this one."""
    before: list[ScoreboardRow] = field(default_factory=list)
    """Scoreboard of the stage that made the starting policy: its first row is the run's base
    policy, its kept row is this one's epoch 0."""
    before_epoch: int = 0
    """The epoch that was kept there."""
    began_with: Path | None = None
    """The directory of that stage; None where training starts from the run's base policy."""
    callbacks_of: Callable[[Any], Sequence[pl.Callback]] = lambda rows: ()
    """What the training needs beside the scoreboard, from its rows."""
    plan_of: Callable[[Any], BatchPlan] | None = None
    """How its rows are cut into steps, where that is not by `global_batch_size`."""
    candidates_per_epoch: int = 1
    """How often in an epoch the policy is measured."""
    follower: Follower | None = None
    """What goes by the scoreboard's rows."""
    watch: Watch | None = None


@dataclass(frozen=True)
class Watch:
    """What an online training adds to its scoreboard, all of which it measures itself, its first
    row too.
    """

    scorers: Callable[[], Sequence[Scorer]]
    """Beside the harm model, of which rewards are made, and the refusal rule."""
    also: Callable[[ScoreboardRow, Sequence[Measured]], ScoreboardRow]
    """The row with its further entries."""
    callbacks: Sequence[pl.Callback]
    """What follows the scoreboard."""
    candidates: Callable[[list[ScoreboardRow]], list[ScoreboardRow]]
    """The rows that may be kept. Raises PrimumError where there is none."""
