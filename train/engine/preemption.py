"""Training that is told to stop saves at a step's end, on all ranks together, and ends; the same
command goes on from there.
"""

from __future__ import annotations

import signal
import time
from typing import Any

import pytorch_lightning as pl

from records.errors import PreemptedError
from train.engine.checkpoints import Checkpoints
from train.engine.preemption_signal import heard, listen, seconds_left

SPARE_SECONDS = 60
"""Left for what comes after the last checkpoint: loggers, teardown, the batch script's requeue."""


class StopInTime(pl.Callback):
    """Place it after Checkpoints, with which it saves.

    A signal handler that saved would deadlock: one rank would save while another waits for it in
    the backward pass. So handlers raise a flag only, and ranks agree once a step whether anyone has
    one, or whether the time limit is near: nearer than the time that two of the longest steps and
    saves so far would take, and a minute.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self.checkpoints = checkpoints
        self.last_step = 0
        self.step_started = 0.0
        self.longest_step = 0.0

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Listen for the signal and the time limit."""
        # Lightning has set a handler of its own for SIGTERM by now, which ends ranks one by one.
        listen(signal.SIGUSR1, signal.SIGTERM)
        self.last_step, self.step_started = trainer.global_step, time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Stop where a step ends and one of them was heard."""
        if trainer.global_step == self.last_step:
            return
        self.longest_step = max(self.longest_step, time.monotonic() - self.step_started)
        self.last_step, self.step_started = trainer.global_step, time.monotonic()
        # Twice the longest so far: the step under way may be longer, and the save comes after it.
        needed = SPARE_SECONDS + 2 * (self.longest_step + self.checkpoints.longest_save)
        reason = heard() or ("time limit" if seconds_left() < needed else None)
        # Asked on all ranks at every step, since a signal reaches some of them earlier than others.
        if trainer.strategy.reduce_boolean_decision(reason is not None, all=False):
            if self.checkpoints.saved_step != trainer.global_step:
                self.checkpoints.save(trainer, trainer.global_step)
            raise PreemptedError(
                f"{reason or 'notice to another rank'}, saved at step {trainer.global_step}"
            )
