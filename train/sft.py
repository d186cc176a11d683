"""Supervised fine-tuning: negative log-likelihood of completion tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from models.layout.collation import Collation
from models.layout.logps import Rows, per_token_logps
from models.tokens import TokenRow
from train.engine.module import TrainedModule


class SftBatch(NamedTuple):
    rows: Rows
    scale: float  # see BatchPlan.micro_batches

    def to(self, device: torch.device) -> SftBatch:
        """The same batch on a device."""
        return SftBatch(self.rows.to(device), self.scale)


class SftRows:
    """Tokenised demonstrations, weighed by completion tokens: every token of a step counts the
    same.
    """

    units: Sequence[int] | None = None

    def __init__(self, rows: list[TokenRow], batch_rows: Collation) -> None:
        self.rows, self.batch_rows = rows, batch_rows
        self.lengths = [batch_rows.tokens([row]) for row in rows]
        self.weights = [row.num_completion_tokens for row in rows]

    def collate(self, indices: list[int], scale: float) -> SftBatch:
        """Rows as a batch; scale 0 only keeps a rank in step."""
        return SftBatch(self.batch_rows([self.rows[i] for i in indices]), scale)


class SftModule(TrainedModule):
    """loss of a step = sum of -log p over its completion tokens / number of those tokens."""

    def training_step(self, batch: SftBatch, batch_idx: int) -> Tensor:
        """The loss of a micro-batch, as large as its share of the step."""
        logps, _ = per_token_logps(self.model, batch.rows)
        total = -logps.sum()
        self.count("loss", total, len(logps))
        # A sum and not a mean: the scale divides by the tokens of the whole step (BatchPlan).
        return total * batch.scale
