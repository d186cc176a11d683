"""Resumable checkpoints: written beside, renamed, pointed to; the last two kept."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from data_prep.artifacts import read_json, write_json

KEPT = 2


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint. The pointer moves only after a checkpoint is on disk; one whose files changed since is passed over."""
    pointer = folder / "latest.json"
    if not pointer.is_file():
        return None
    known = read_json(pointer)
    return next((folder / name for name in known["checkpoints"] if _sizes(folder / name) == known["bytes"][name]), None)


class Checkpoints(pl.Callback):
    """Saves every `every_steps` optimiser steps and at each epoch's last step."""

    def __init__(self, folder: Path, every_steps: int) -> None:
        self.folder, self.every_steps = folder, every_steps
        self.saved_step = 0
        self.longest_save = 0.0  # seconds

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.saved_step = trainer.global_step  # restored by now

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        step = trainer.global_step
        if step == self.saved_step:
            return
        if step % self.every_steps == 0 or batch_idx + 1 == trainer.num_training_batches:
            self.save(trainer, step)

    def save(self, trainer: pl.Trainer, step: int) -> None:
        started = time.monotonic()
        name = f"step-{step:07d}"
        partial = self.folder / f".{name}.partial"
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            for torn in self.folder.glob(".step-*.partial"):
                _remove(torn)
        trainer.strategy.barrier()
        # Resumed at an epoch's end, Lightning does not count the start of the next one; resumed again, it would train that one twice.
        for counts in (trainer.fit_loop.epoch_progress.total, trainer.fit_loop.epoch_progress.current):
            counts.ready = counts.started = trainer.current_epoch + 1
        trainer.save_checkpoint(partial)
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            self._publish(partial, name)
        self.saved_step, self.longest_save = step, max(self.longest_save, time.monotonic() - started)

    def _publish(self, partial: Path, name: str) -> None:
        for file in partial.iterdir():
            _flush(file)
        _remove(self.folder / name)
        partial.rename(self.folder / name)
        whole = sorted((p.name for p in self.folder.glob("step-*")), reverse=True)
        kept = whole[:KEPT]
        write_json(self.folder / "latest.json", {"checkpoints": kept, "bytes": {name: _sizes(self.folder / name) for name in kept}})
        for old in whole[KEPT:]:
            _remove(self.folder / old)


def _sizes(checkpoint: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in sorted(checkpoint.iterdir())} if checkpoint.is_dir() else {}


def _flush(file: Path) -> None:
    """Onto the disk, before the pointer says that it is there: a machine may lose its power."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
