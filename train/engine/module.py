"""What SFT, DPO and the reward model share as LightningModules: the optimiser, exact step metrics,
checkpoints of what is trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from models.adapters.trained import trainable_state
from models.layout.packing import moved
from models.ranks import over_ranks
from train.engine.optimisation import Optimisation


class TrainedModule(pl.LightningModule):
    """Holds `self.model`; subclasses define `training_step` and call `count` for what they report.

    Metrics are kept as sums and counts over all micro-batches and ranks of a step and divided once,
    so they do not depend on how the step was cut.
    """

    strict_loading = False

    def __init__(
        self,
        model: Any,
        optimisation: Optimisation,
    ) -> None:
        super().__init__()
        self.model = model
        self.optimisation = optimisation
        self.total_steps = optimisation.total_steps
        self.warmup_steps = math.ceil(optimisation.optimiser.warmup * self.total_steps)
        self._sums: dict[
            str, tuple[Tensor, float]
        ] = {}  # of totals, where they were computed, and of what they are divided by
        self._last_step = 0
        self._counted = True
        self._random_state: dict[str, Tensor] | None = None

    def configure_optimizers(self) -> Any:
        parameters = [p for p in self.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            parameters,
            lr=self.optimisation.learning_rate,
            weight_decay=self.optimisation.optimiser.weight_decay,
            fused=True,
        )
        # It could unscale float16's gradients itself, which Lightning takes for a reason not to
        # clip them. Said that it does not, it is handed gradients that are unscaled and clipped.
        optimizer._step_supports_amp_scaling = False
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.schedule)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def schedule(self, step: int) -> float:
        """Share of the learning rate at this step."""
        return warmed_up(step, self.warmup_steps, self.total_steps)

    def count(self, name: str, total: Tensor | float, number: float) -> None:
        """Add a sum over `number` rows or tokens to this step's metric.

        Nothing waits for a GPU: totals stay on it until the step is over.
        """
        value = (
            total.detach().double()
            if isinstance(total, Tensor)
            else torch.tensor(total, dtype=torch.float64)
        )
        before, counted = self._sums.get(
            name, (torch.zeros((), dtype=torch.float64, device=value.device), 0.0)
        )
        self._sums[name] = before + value * self._counted, counted + number * self._counted

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # A micro-batch that only keeps this rank in step with the others has scale 0.
        self._counted = batch.scale > 0

    def log_step(self, batch_idx: int) -> None:
        """Log the metrics of a step once its last micro-batch is through."""
        if self.trainer.global_step == self._last_step:
            return  # the optimiser has not stepped yet
        self._last_step = self.trainer.global_step
        metrics = self.step_metrics()
        metrics["learning_rate"] = self.trainer.optimizers[0].param_groups[0]["lr"]
        metrics["epoch"] = self.trainer.current_epoch + (batch_idx + 1) / max(
            1, self.trainer.num_training_batches
        )
        self.trainer.progress_bar_metrics.update(
            {k: v for k, v in metrics.items() if k in ("loss", "rewards/accuracies")}
        )
        for logger in self.trainer.loggers:
            logger.log_metrics(metrics, step=self.trainer.global_step)

    def step_metrics(self) -> dict[str, float]:
        names = sorted(self._sums)
        totals = torch.stack([self._sums[name][0].to(self.device) for name in names]).cpu()
        sums = torch.stack(
            [totals, torch.tensor([self._sums[name][1] for name in names], dtype=torch.float64)],
            dim=1,
        )
        self._sums.clear()
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(sums := sums.to(self.reduce_device))
        # What no row of the step belongs to has no mean.
        found: dict[str, float] = {}
        for name, (total, number) in zip(names, sums.cpu(), strict=True):
            if number:
                found[name] = (total / number).item()
        return found

    @property
    def reduce_device(self) -> torch.device:
        """Where sums over ranks are taken."""
        return self.device if self.device.type == "cuda" else torch.device("cpu")

    def on_train_start(self) -> None:
        # Lightning has restored the step by now. A module in evaluation mode has no dropout: policy
        # and reference are one network.
        self._last_step = self.trainer.global_step
        self.model.eval()
        if self._random_state:
            restore_random_state(self._random_state)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave frozen weights out: a LoRA checkpoint is megabytes, and the base is where it
        was.
        """
        kept = {f"model.{name}" for name in trainable_state(self.model)}
        if "state_dict" in checkpoint:
            checkpoint["state_dict"] = {
                name: value for name, value in checkpoint["state_dict"].items() if name in kept
            }
        checkpoint["micro_batches_a_step"] = self.trainer.accumulate_grad_batches
        checkpoint["random_states"] = over_ranks(
            {self.trainer.global_rank: random_state()}, self.trainer.world_size
        )

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Other ranks or another token budget cut a step into more or fewer micro-batches:
        Lightning counts those, so its counts are converted.
        """
        before, now = checkpoint["micro_batches_a_step"], self.trainer.accumulate_grad_batches
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        for counts in (progress["total"], progress["current"]):
            _convert(counts, before, now)
        state = checkpoint["random_states"].get(self.trainer.global_rank)
        self._random_state = state

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        if hasattr(batch, "_fields"):
            return moved(batch, device)
        if hasattr(batch, "to"):
            return batch.to(device)
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        return super().load_state_dict(state_dict, strict=False, assign=assign)


def warmed_up(step: int, warmup_steps: int, total_steps: int) -> float:
    """Linear warm-up, then a cosine to zero; the first step already moves."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _convert(counts: dict[str, int], before: int, now: int) -> None:
    """Counts of micro-batches, from `before` in a step to `now`."""
    for name, value in counts.items():
        # Saved at a step's end, where some counts are a micro-batch behind others.
        counts[name] = value + math.ceil(value / before) * (now - before)


class StepMetrics(pl.Callback):
    """Logs a step before the checkpoint that holds it is written, so that a kill between the two
    loses no row.

    Place it before Checkpoints.
    """

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log the step, before a checkpoint holds it."""
        module.log_step(batch_idx)


def random_state() -> dict[str, Tensor]:
    """Of torch on this rank.

    Training draws nothing today (dropout is off); a model that does goes on as if it had not been
    cut off.
    """
    state = {"cpu": torch.get_rng_state()}
    return {**state, "cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else state


def restore_random_state(state: dict[str, Tensor]) -> None:
    """Go on drawing where the state was taken."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
