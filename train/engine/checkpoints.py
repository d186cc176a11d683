"""Resumable checkpoints: written beside, renamed, pointed to; the last two kept."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from train.engine.checkpoint_files import flush, flush_folder, point_to, remove, write_contents


class Checkpoints(pl.Callback):
    """Saves every `every_steps` optimiser steps, at each epoch's last step, and `within_epoch`
    steps after its start.
    """

    def __init__(self, folder: Path, every_steps: int, within_epoch: Collection[int] = ()) -> None:
        self.folder, self.every_steps, self.within_epoch = folder, every_steps, within_epoch
        self.saved_step = 0
        self.longest_save = 0.0  # seconds

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Begin to count, from the step that is known."""
        self.saved_step = trainer.global_step  # restored by now

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save where a step ends and it is time."""
        step = trainer.global_step
        # A micro-batch that did not end a step, or a step that was saved already.
        if step == self.saved_step:
            return
        inside = (batch_idx + 1) // trainer.accumulate_grad_batches
        if (
            step % self.every_steps == 0
            or inside in self.within_epoch
            # An epoch's end is where policies are measured and chosen.
            or batch_idx + 1 == trainer.num_training_batches
        ):
            self.save(trainer, step)

    def save(self, trainer: pl.Trainer, step: int) -> None:
        """Write a checkpoint of this step, and note how long that took."""
        started = time.monotonic()
        name = f"step-{step:07d}"
        # Its name begins with a dot: no pattern that looks for checkpoints finds it half written.
        partial = self.folder / f".{name}.partial"
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            for torn in self.folder.glob(".step-*.partial"):
                remove(torn)
        trainer.strategy.barrier()
        # Resumed at an epoch's end, Lightning does not count the start of the next one; resumed
        # again, it would train that one twice.
        for counts in (
            trainer.fit_loop.epoch_progress.total,
            trainer.fit_loop.epoch_progress.current,
        ):
            counts.ready = counts.started = trainer.current_epoch + 1
        # Every rank calls it: under ZeRO each writes the parameters that fall to it.
        trainer.save_checkpoint(partial)
        # Rank 0 may publish only when the last rank has written.
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            self._publish(partial, name, step)
        self.saved_step, self.longest_save = (
            step,
            max(self.longest_save, time.monotonic() - started),
        )

    def _publish(self, partial: Path, name: str, step: int) -> None:
        # Contents, disk, name, pointer, in this order: at every moment that a kill can come, what
        # can be found is whole.
        write_contents(partial, step)
        flush(partial)
        remove(self.folder / name)
        partial.rename(self.folder / name)
        flush_folder(self.folder)
        point_to(self.folder, name)
