"""Progress with rate and ETA on a terminal; silence in a log."""

from __future__ import annotations

import sys
from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm


class StepProgress(pl.Callback):
    """One bar over all optimiser steps of a stage."""

    def __init__(self, label: str, total_steps: int) -> None:
        self.label, self.total_steps = label, total_steps
        self.bar: Any = None

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Show the steps on a terminal."""
        if trainer.is_global_zero and sys.stderr.isatty():
            self.bar = tqdm(
                total=self.total_steps,
                initial=trainer.global_step,
                desc=self.label,
                unit="step",
                leave=False,
            )

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move on by a step."""
        if self.bar is not None and trainer.global_step > self.bar.n:
            self.bar.update(trainer.global_step - self.bar.n)
            self.bar.set_postfix(
                {k: f"{float(v):.3f}" for k, v in trainer.progress_bar_metrics.items()},
                refresh=False,
            )

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Close the bar, so that later lines begin on their own."""
        if self.bar is not None:
            self.bar.close()
