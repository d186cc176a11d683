"""Safety on fixed validation prompts, before the first step and after every policy epoch.

Which epoch is kept is decided in eval/selection.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytorch_lightning as pl
import torch
from safetensors.torch import save_file

from eval.measure import harm_estimate, high_harm, measure, measure_sharded
from eval.measured import Measured
from eval.scoreboard_shape import METRICS as METRICS
from eval.scoreboard_shape import Row, read_scoreboard
from eval.summaries import refuses
from measures.estimates import rate_estimate
from models.config import GenerationConfig
from models.ranks import is_sharded
from records.contracts import Scorer
from records.escaping import one_line
from records.hash_beside import write_hash
from records.own_files import sealed_line
from records.rows import Prompt


@dataclass(frozen=True)
class Measuring:
    """What one row of the scoreboard takes."""

    prompts: list[Prompt]
    generation: GenerationConfig
    scorers: Sequence[Scorer]
    """None on a rank that does not measure."""
    confidence: float
    tokenizer: Any
    policy_of: Callable[[dict[str, torch.Tensor]], Any]
    """The model to generate with, from trained tensors; an empty dict is the policy at step 0. Not asked where weights are sharded."""
    say: Callable[[str], None]
    also: Callable[[Sequence[Measured]], Row] = lambda samples: {}
    """What a training adds to its rows."""
    first_row: Row | None = None
    """Epoch 0, where the stage that made the starting policy has measured it on the same prompts already."""


class Follower(Protocol):
    """A part of a training that goes by what the scoreboard measures, such as the multipliers of a limit."""

    def entries(self, row: Row) -> dict[str, Any]:
        """Rank 0 alone, once for every new row: what is added to it."""

    def take(self, row: Row) -> None:
        """Every rank, for every row, those that a resumed stage finds measured too: go on from what it holds."""


class Scoreboard(pl.Callback):
    """Appends one row a candidate to scoreboard.jsonl and keeps each one's trained tensors until one is chosen.

    A candidate is the policy at an epoch's end, or `steps` after its start, as train/engine/candidates.py places them; a
    row's `epoch` is its number, from 0 for the policy before training.

    `state_of` gathers the trained tensors of a module, whole, on rank 0, which measures while the others wait. A model whose weights are
    sharded over ranks is measured as it stands, by all of them: none could hold it.
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
        # 0 for a fresh stage. Resumed at the end of epoch k it is k: Lightning calls no on_train_epoch_end again for a row that a kill left out.
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
        self._measure_once(trainer, module, (trainer.current_epoch + 1) * self._per_epoch)

    @property
    def _per_epoch(self) -> int:
        return max(1, len(self.steps))

    def _inside(self, trainer: pl.Trainer) -> int:
        """Steps since the epoch's start."""
        return trainer.global_step - trainer.current_epoch * self.steps[-1] if self.steps else 0

    def _number(self, trainer: pl.Trainer) -> int | None:
        """Of the candidate that the policy is now, within an epoch or at its start; None where it is none."""
        before, inside = trainer.current_epoch * self._per_epoch, self._inside(trainer)
        if not inside:
            return before
        return before + self.steps.index(inside) + 1 if inside in self.steps else None

    def _measure_once(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> None:
        known = next((row for row in read_scoreboard(self.path) if row["epoch"] == epoch), None)
        if trainer.strategy.broadcast(known is None):  # a resumed stage comes by here again
            known = self._measure(trainer, module, epoch)
        if self.follower:
            # Rank 0 has measured, or read, and all ranks go by its numbers.
            self.follower.take(trainer.strategy.broadcast(known))

    def _measure(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> Row | None:
        """The new row, on rank 0."""
        row = None
        state = self.state_of(module) if epoch else {}
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
                row["epochs_trained"] = round(trainer.global_step / self.steps[-1], 4)
            row |= self.follower.entries(row) if self.follower else {}
            for logger in trainer.loggers:
                logger.log_metrics(_flat(row), step=trainer.global_step)
            # Last, as it is what a resumed stage goes by: killed before it, the epoch is measured and logged again.
            with self.path.open("a", encoding="utf-8") as file:
                file.write(sealed_line(row))
            self.measuring.say(describe_row(row))
        trainer.strategy.barrier()
        return row

    def _row(
        self, epoch: int, step: int, state: dict[str, torch.Tensor], samples: list[Measured] | None
    ) -> Row:
        measuring = self.measuring
        if epoch == 0 and measuring.first_row is not None:
            row = {**measuring.first_row, "stage": self.stage, "epoch": 0, "step": 0}
            return row if "epochs_trained" not in row else {**row, "epochs_trained": 0.0}
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
        return {**row, **measuring.also(samples)}

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


def scoreboard_row(
    samples: list[Measured], *, stage: str, epoch: int, step: int, confidence: float
) -> Row:
    harmful = [s for s in samples if s.kind == "harmful"]
    benign = [s for s in samples if s.kind == "benign"]
    suites: dict[str, list[Measured]] = {suite: [] for suite in sorted({s.suite for s in benign})}
    for sample in benign:
        suites[sample.suite].append(sample)
    apart = {suite: rate_estimate(refuses(rows), confidence) for suite, rows in suites.items()}
    return {
        "stage": stage,
        "epoch": epoch,
        "step": step,
        "harmfulness": harm_estimate(harmful, confidence).to_json(),
        "share_4_5": rate_estimate(high_harm(harmful), confidence).to_json(),
        "refusal_rate": rate_estimate(refuses(harmful), confidence).to_json(),
        "over_refusal_rate": rate_estimate(refuses(benign), confidence).to_json(),
        "over_refusal_by_suite": {suite: rate.to_json() for suite, rate in apart.items()},
        "over_refused": {suite: _refused(rows) for suite, rows in suites.items()},
        "confidence": confidence,
    }


def _refused(samples: list[Measured]) -> list[str]:
    """Which prompts were refused, so that two rows can be compared prompt by prompt."""
    refused = zip(samples, refuses(samples), strict=True)
    return [sample.prompt.id for sample, declined in refused if declined]


def epoch_file(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch}.safetensors"


def describe_row(row: Row) -> str:
    """One aligned line for the terminal."""
    harm, high, refusal, over = (row[name] for name in METRICS)
    apart = ", ".join(
        f"{suite} {estimate['mean']:.0%}"
        for suite, estimate in row["over_refusal_by_suite"].items()
    )
    place = (
        f"candidate {row['epoch']}, {row['epochs_trained']:.2f} epochs"
        if "epochs_trained" in row
        else f"epoch {row['epoch']}"
    )
    weights = row.get("multipliers") or {}
    return (
        f"{place}  step {row['step']:>4}  harm {_number(harm, '.2f')}  at 4-5 {_number(high, '.0%')}  "
        f"refusal {_number(refusal, '.0%')}  over-refusal {_number(over, '.0%')}"
        + (f": {apart}" if len(row["over_refusal_by_suite"]) > 1 else "")
        + (
            f"  multipliers {', '.join(f'{suite} {value:.2f}' for suite, value in weights.items())}"
            if weights
            else ""
        )
        + (
            f"  independently harmful {_number(row['independent_harm'], '.0%')}"
            if "independent_harm" in row
            else ""
        )
        + (f"  KL {row['kl']:.2f}" if "kl" in row else "")
    )


def _number(estimate: dict[str, Any], spec: str) -> str:
    if estimate["mean"] is None:
        return "not scored"
    low, high = estimate["interval"]
    interval = f" ({low:{spec}} to {high:{spec}})" if low is not None else ""
    return f"{estimate['mean']:{spec}}{interval} n {estimate['n']}"


def _flat(row: Row) -> dict[str, float]:
    flat = {"scoreboard/epoch": float(row["epoch"])}
    flat |= {
        f"scoreboard/multiplier/{one_line(suite)}": value
        for suite, value in (row.get("multipliers") or {}).items()
    }
    by_suite = {
        f"over_refusal_rate/{one_line(suite)}": estimate
        for suite, estimate in row["over_refusal_by_suite"].items()
    }
    for name, estimate in ({metric: row[metric] for metric in METRICS} | by_suite).items():
        if estimate["mean"] is not None:
            low, high = estimate["interval"]
            flat |= {f"scoreboard/{name}": estimate["mean"], f"scoreboard/{name}_n": estimate["n"]}
            if low is not None:
                flat |= {f"scoreboard/{name}_low": low, f"scoreboard/{name}_high": high}
    return flat | _online(row)


def _online(row: Row) -> dict[str, float]:
    """What rows of an online training hold besides (eval/over_optimisation.py)."""
    known: dict[str, Any] = {
        name: row[name] for name in ("kl", "mean_tokens", "distinct_2") if name in row
    }
    for name in ("independent_harm", "independent_chance"):
        estimate = row.get(name, {"mean": None})
        if estimate["mean"] is not None:
            known |= dict(
                zip((f"{name}_low", f"{name}_high"), estimate["interval"], strict=True)
            ) | {name: estimate["mean"]}
    return {
        f"scoreboard/{name}": float(value) for name, value in known.items() if value is not None
    }
