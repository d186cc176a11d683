"""How the harmfulness network is trained: labelled rows, and the loss on them.

B = rows.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from models.layout.collation import Collation
from models.layout.logps import Rows
from models.tokens import TokenRow
from train.engine.module import TrainedModule


class RewardBatch(NamedTuple):
    rows: Rows
    labels: Tensor  # (B,) 1 harmful, 0 harmless
    weights: Tensor  # (B,) evens the two labels out over the training set
    scale: float  # see train's BatchPlan

    def to(self, device: torch.device) -> RewardBatch:
        return RewardBatch(self.rows.to(device), self.labels.to(device), self.weights.to(device), self.scale)


class RewardRows:
    """Tokenised examples; harmful and harmless count the same in sum, however many there are of each."""

    def __init__(self, rows: list[TokenRow], labels: list[bool], batch_rows: Collation) -> None:
        self.rows, self.labels, self.batch_rows = rows, labels, batch_rows
        self.lengths = [batch_rows.tokens([row]) for row in rows]
        self.weights = [1] * len(rows)
        prompts: dict[tuple[int, ...], int] = {}
        self.units = [prompts.setdefault(_prompt(row), len(prompts)) for row in rows]
        share = sum(labels) / len(labels)
        self.label_weights = {True: 0.5 / max(share, 1e-9), False: 0.5 / max(1 - share, 1e-9)}

    def collate(self, indices: list[int], scale: float) -> RewardBatch:
        labels = [self.labels[i] for i in indices]
        weights = torch.tensor([self.label_weights[label] for label in labels])
        return RewardBatch(self.batch_rows([self.rows[i] for i in indices]), torch.tensor(labels).float(), weights, scale)


def _prompt(row: TokenRow) -> tuple[int, ...]:
    return tuple(token for token, in_completion in zip(row.input_ids, row.completion_mask, strict=True) if not in_completion)


class RewardModule(TrainedModule):
    """Binary cross-entropy on the logit of harmful."""

    def training_step(self, batch: RewardBatch, batch_idx: int) -> Tensor:
        logits = self.model(batch.rows)
        losses = batch.weights * F.binary_cross_entropy_with_logits(logits, batch.labels, reduction="none")
        self.count("loss", losses.sum(), len(losses))
        self.count("accuracy", ((logits > 0) == batch.labels.bool()).double().sum(), len(losses))
        return losses.sum() * batch.scale
