"""What the engine asks of the rows that a method trains on, and of the batches that it makes of
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from models.layout.collation import Collation


class ScaledBatch(Protocol):
    """A micro-batch, whose loss is a sum over rows times `scale` (see
    `BatchPlan.micro_batches`).
    """

    @property
    def scale(self) -> float: ...


class TrainingRows(Protocol):
    """Rows by number.

    A row is whatever one index stands for: a demonstration, a pair, a prompt to draw completions
    for.
    """

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens that each takes in a batch."""

    @property
    def weights(self) -> Sequence[int]:
        """What each counts in the mean over a step."""

    @property
    def units(self) -> Sequence[int] | None:
        """The same number for rows that stay in one micro-batch; None where each is alone."""

    @property
    def batch_rows(self) -> Collation:
        """How token rows become a batch."""

    def collate(self, indices: list[int], scale: float) -> ScaledBatch:
        """The micro-batch of these rows."""
