"""Safety on fixed validation prompts, before the first step and after every policy epoch.

Which epoch is kept is decided in eval/selection.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytorch_lightning as pl
import torch
from safetensors.torch import save_file

from eval.measure import measure, measure_sharded
from eval.measured import Measured
from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard_rows import describe_row, flat_row, scoreboard_row
from eval.scoreboard_shape import METRICS as METRICS
from eval.scoreboard_shape import read_scoreboard
from models.config import GenerationConfig
from models.ranks import is_sharded
from records.contracts import Scorer
from records.hash_beside import write_hash
from records.own_files import sealed_line
from records.rows import Prompt


@dataclass(frozen=True)
class Measuring:
    """What one row of the scoreboard takes."""

    prompts: list[Prompt]
    generation: GenerationConfig
    scorers: Sequence[Scorer]
    """Empty on a rank that does not measure."""
    confidence: float
    tokenizer: Any
    policy_of: Callable[[dict[str, torch.Tensor]], Any]
    """The model to generate with, from trained tensors; an empty dict is the policy at step 0. Not
    asked where weights are sharded."""
    say: Callable[[str], None]
    also: Callable[[ScoreboardRow, Sequence[Measured]], ScoreboardRow] = lambda row, samples: row
    """The row with what a training adds to it."""
    first_row: ScoreboardRow | None = None
    """Epoch 0, where the stage that made the starting policy has measured it on the same prompts
    already."""


class Follower(Protocol):
    """A part of a training that goes by what the scoreboard measures, such as the multipliers of a
    limit.
    """

    def followed(self, row: ScoreboardRow) -> ScoreboardRow:
        """Rank 0 alone, once for every new row: the row with what is added to it."""

    def take(self, row: ScoreboardRow) -> None:
        """Every rank, for every row, those that a resumed stage finds measured too: go on from what
        it holds.
        """


class Scoreboard(pl.Callback):
    """Appends one row a candidate to scoreboard.jsonl and keeps each one's trained tensors until
    one is chosen.

    A candidate is the policy at an epoch's end, or `steps` after its start, as
    train/engine/candidates.py places them; a row's `epoch` is its number, from 0 for the policy
    before training.

    `state_of` gathers the trained tensors of a module, whole, on rank 0, which measures while the
    others wait. A model whose weights are sharded over ranks is measured as it stands, by all of
    them: none could hold it.
    """

    def __init__(
        self,
        stage: str,
        path: Path,
        epochs_folder: Path,
        measuring: Measuring,
        state_of: Callable[[pl.LightningModule], dict[str, torch.Tensor]],
        steps: Sequence[int] = (),
        follower: Follower | None = None,
    ) -> None:
        self.stage, self.path, self.epochs_folder, self.measuring, self.state_of = (
            stage,
            path,
            epochs_folder,
            measuring,
            state_of,
        )
        self.steps, self.follower = steps, follower
        self.last_step = -1

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        # 0 for a fresh stage. Resumed at the end of epoch k it is k: Lightning calls no
        # on_train_epoch_end again for a row that a kill left out.
        if (number := self._number(trainer)) is not None:
            self._measure_once(trainer, module, number)

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Between two steps of an epoch, when the one before is logged and in a checkpoint."""
        if len(self.steps) < 2 or trainer.global_step == self.last_step:
            return
        self.last_step = trainer.global_step
        if self._inside(trainer) and (number := self._number(trainer)) is not None:
            self._measure_once(trainer, module, number)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """The candidate that an epoch's end is."""
        self._measure_once(trainer, module, (trainer.current_epoch + 1) * self._per_epoch)

    @property
    def _per_epoch(self) -> int:
        return max(1, len(self.steps))

    def _inside(self, trainer: pl.Trainer) -> int:
        """Steps since the epoch's start."""
        return trainer.global_step - trainer.current_epoch * self.steps[-1] if self.steps else 0

    def _number(self, trainer: pl.Trainer) -> int | None:
        """Of the candidate that the policy is now, within an epoch or at its start; None where it
        is none.
        """
        before, inside = trainer.current_epoch * self._per_epoch, self._inside(trainer)
        if not inside:
            return before
        return before + self.steps.index(inside) + 1 if inside in self.steps else None

    def _measure_once(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> None:
        known = next((row for row in read_scoreboard(self.path) if row.epoch == epoch), None)
        if trainer.strategy.broadcast(known is None):  # a resumed stage comes by here again
            known = self._measure(trainer, module, epoch)
        if self.follower:
            # Rank 0 has measured, or read, and all ranks go by its numbers.
            self.follower.take(trainer.strategy.broadcast(known))

    def _measure(
        self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int
    ) -> ScoreboardRow | None:
        """The new row, on rank 0."""
        row = None
        state = self.state_of(module) if epoch else {}
        # Where weights are sharded no rank holds the model, so all ranks write completions;
        # elsewhere rank 0 measures alone.
        samples = (
            self._answered_by_all(trainer, module, epoch) if is_sharded(module.model) else None
        )
        if trainer.is_global_zero:
            if epoch:
                self.epochs_folder.mkdir(parents=True, exist_ok=True)
                save_file(
                    {name: tensor.contiguous().cpu() for name, tensor in state.items()},
                    epoch_file(self.epochs_folder, epoch),
                )
                write_hash(epoch_file(self.epochs_folder, epoch))
            row = self._row(epoch, trainer.global_step, state, samples)
            if self.steps:
                trained = round(trainer.global_step / self.steps[-1], 4)
                row = replace(row, epochs_trained=trained)
            if self.follower:
                row = self.follower.followed(row)
            for logger in trainer.loggers:
                logger.log_metrics(flat_row(row), step=trainer.global_step)
            # Last, as it is what a resumed stage goes by: killed before it, the epoch is measured
            # and logged again.
            with self.path.open("a", encoding="utf-8") as file:
                file.write(sealed_line(row.to_json()))
            self.measuring.say(describe_row(row))
        trainer.strategy.barrier()
        return row

    def _row(
        self, epoch: int, step: int, state: dict[str, torch.Tensor], samples: list[Measured] | None
    ) -> ScoreboardRow:
        measuring = self.measuring
        if epoch == 0 and measuring.first_row is not None:
            trained = None if measuring.first_row.epochs_trained is None else 0.0
            return replace(
                measuring.first_row, stage=self.stage, epoch=0, step=0, epochs_trained=trained
            )
        if samples is None:
            model = measuring.policy_of(state)
            samples = measure(
                model,
                measuring.tokenizer,
                measuring.prompts,
                measuring.generation,
                measuring.scorers,
                policy=self._name(epoch),
            )
        row = scoreboard_row(
            samples, stage=self.stage, epoch=epoch, step=step, confidence=measuring.confidence
        )
        return measuring.also(row, samples)

    def _answered_by_all(
        self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int
    ) -> list[Measured]:
        measuring = self.measuring
        if epoch == 0 and measuring.first_row is not None:
            return []
        ranks = (trainer.global_rank, trainer.world_size)
        return measure_sharded(
            module.model,
            measuring.tokenizer,
            measuring.prompts,
            measuring.generation,
            measuring.scorers,
            policy=self._name(epoch),
            ranks=ranks,
        )

    def _name(self, epoch: int) -> str:
        return f"{self.stage} epoch {epoch}"


def epoch_file(folder: Path, epoch: int) -> Path:
    """Where the trained tensors of a candidate are kept."""
    return folder / f"epoch-{epoch}.safetensors"
