"""How the harmfulness network is trained: labelled rows, and the loss on them.

B = rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from models.layout.collation import Collation
from models.layout.logps import Rows
from models.layout.packing import moved
from models.tokens import TokenRow
from reward.model.objectives import binary_losses, levels_of, ordinal_losses
from train.engine.module import TrainedModule


@dataclass(frozen=True)
class SideWeights:
    """What makes harmful and harmless count the same in sum, however many there are of each."""

    harmful: float
    harmless: float

    @classmethod
    def of(cls, harms: Sequence[float], weights: Sequence[float]) -> SideWeights:
        """Of chances of harm and the weights of their rows."""
        share = sum(harm * weight for harm, weight in zip(harms, weights, strict=True)) / sum(
            weights
        )
        # With these, each side's weights sum to half of all, whatever its share is.
        return cls(0.5 / max(share, 1e-9), 0.5 / max(1 - share, 1e-9))


class RewardBatch(NamedTuple):
    rows: Rows
    harms: Tensor  # (B,) chances of harm
    weights: Tensor  # (B,) of their sources
    scale: float  # see train's BatchPlan

    def to(self, device: torch.device) -> RewardBatch:
        """The same batch on a device."""
        return RewardBatch(
            self.rows.to(device), self.harms.to(device), self.weights.to(device), self.scale
        )


class RewardRows:
    """Tokenised examples with chances of harm, for the binary and the ordinal objective."""

    def __init__(
        self,
        rows: list[TokenRow],
        harms: Sequence[float],
        batch_rows: Collation,
        *,
        source_weights: Sequence[float] | None = None,
    ) -> None:
        self.rows, self.batch_rows = rows, batch_rows
        self.harms = [float(harm) for harm in harms]
        self.source_weights = [1.0] * len(rows) if source_weights is None else list(source_weights)
        self.lengths = [batch_rows.tokens([row]) for row in rows]
        self.weights = [1] * len(rows)
        # One micro-batch for completions of one prompt, which packed rows hold once.
        self.units = same_prompt([row_prompt(row) for row in rows])
        self.sides = SideWeights.of(self.harms, self.source_weights)

    def collate(self, indices: list[int], scale: float) -> RewardBatch:
        """Rows as a batch; scale 0 only keeps a rank in step."""
        harms = torch.tensor([self.harms[i] for i in indices])
        weights = torch.tensor([self.source_weights[i] for i in indices])
        return RewardBatch(self.batch_rows([self.rows[i] for i in indices]), harms, weights, scale)


def row_prompt(row: TokenRow) -> tuple[int, ...]:
    """The tokens of its prompt."""
    pairs = zip(row.input_ids, row.completion_mask, strict=True)
    return tuple(token for token, in_completion in pairs if not in_completion)


def same_prompt(prompts: Sequence[tuple[int, ...]]) -> list[int]:
    """A number for each, the same for equal prompts, so that they stay in one micro-batch."""
    known: dict[tuple[int, ...], int] = {}
    return [known.setdefault(prompt, len(known)) for prompt in prompts]


class RewardModule(TrainedModule):
    """Cross-entropy on the logit of harmful, or the likelihood of levels where the network is
    ordinal.
    """

    sides = SideWeights(1.0, 1.0)

    def training_step(self, batch: RewardBatch, batch_idx: int) -> Tensor:
        """The loss of a micro-batch, as large as its share of the step."""
        logits = self.model(batch.rows)
        # Summed by the caller and divided by the plan's scale over the whole step, so nothing is a
        # mean here.
        losses = batch.weights * self._losses(logits, batch.harms)
        self.count("loss", losses.sum(), len(losses))
        thresholds = self.model.thresholds
        harmful = logits > moved(thresholds[(len(thresholds) - 1) // 2], logits.device)
        self.count("accuracy", (harmful == (batch.harms >= 0.5)).double().sum(), len(losses))
        return losses.sum() * batch.scale

    def _losses(self, logits: Tensor, harms: Tensor) -> Tensor:
        if self.model.objective != "ordinal":
            return binary_losses(logits, harms, self.sides.harmful, self.sides.harmless)
        sides = torch.where(harms >= 0.5, self.sides.harmful, self.sides.harmless)
        return sides * ordinal_losses(logits, levels_of(harms), self.model.thresholds)
