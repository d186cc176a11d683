"""Supervised fine-tuning: negative log-likelihood of completion tokens."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.logps import Batch, collate, per_token_logps
from models.tokens import TokenRow
from models.trained_module import TrainedModule


class SftBatch(NamedTuple):
    rows: Batch
    scale: float  # see BatchPlan.micro_batches

    def to(self, device: torch.device) -> SftBatch:
        return SftBatch(self.rows.to(device), self.scale)


class SftRows:
    """Tokenised demonstrations, weighed by completion tokens: every token of a step counts the same."""

    def __init__(self, rows: list[TokenRow], pad_token_id: int) -> None:
        self.rows, self.pad_token_id = rows, pad_token_id
        self.lengths = [len(row.input_ids) for row in rows]
        self.weights = [row.num_completion_tokens for row in rows]

    def collate(self, indices: list[int], scale: float) -> SftBatch:
        return SftBatch(collate([self.rows[i] for i in indices], self.pad_token_id), scale)


class SftModule(TrainedModule):
    """loss of a step = sum of -log p over its completion tokens / number of those tokens."""

    def training_step(self, batch: SftBatch, batch_idx: int) -> Tensor:
        logps, _ = per_token_logps(self.model, batch.rows)
        total = -logps.sum()
        self.count("loss", total, len(logps))
        return total * batch.scale
