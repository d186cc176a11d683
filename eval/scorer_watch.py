"""Ends an online training where its two scorers part (eval/over_optimisation.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from eval.over_optimisation import parting
from eval.scoreboard_shape import read_scoreboard


class StopWhenScorersPart(pl.Callback):
    """Ends training at the row where the scorers part, on all ranks.

    Place it after the scoreboard.
    """

    def __init__(self, scoreboard: Path, say: Callable[[str], None]) -> None:
        self.scoreboard, self.say = scoreboard, say

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Look at the rows that a resumed stage finds."""
        self._look(trainer)  # a resumed stage may have measured the row already

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Stop where the last row says that the scorers part."""
        self._look(trainer)

    def _look(self, trainer: Any) -> None:
        # Rank 0 writes the file; another rank may see an older state of it on a network file
        # system.
        found = parting(read_scoreboard(self.scoreboard)) if trainer.is_global_zero else None
        if found:
            self.say(f"{found}; training ends here, and only rows before it may be kept")
        # All ranks by rank 0's word: one that goes on alone waits for ever in its next collective.
        # `or` keeps a stop that another callback asked for.
        trainer.should_stop = trainer.should_stop or bool(
            trainer.strategy.broadcast(found is not None)
        )
