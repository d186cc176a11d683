"""How token rows become a batch that a model can read: packed where the architecture allows it,
padded where it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from models.layout.logps import Rows, collate
from models.layout.packed_attention import why_not_packed
from models.layout.packing import pack
from models.tokens import TokenRow


class Collation(NamedTuple):
    """Called with rows, gives their batch.

    Either layout gives the same log-probabilities and gradients.
    """

    pad_token_id: int
    why_padded: str | None
    """Why rows are padded, for the log; None when they are packed."""

    def __call__(self, rows: list[TokenRow]) -> Rows:
        return collate(rows, self.pad_token_id) if self.why_padded else pack(rows)

    def tokens(self, rows: Sequence[TokenRow]) -> int:
        """Tokens that rows which stay together take in a batch: one row, or the two of a pair,
        whose prompt counts once where it is shared.
        """
        lengths = [len(row.input_ids) for row in rows]
        # Of padded rows the padding counts: the model computes it.
        if self.why_padded:
            return len(rows) * max(lengths)
        columns = zip(*(row.input_ids for row in rows), strict=False)
        shared = sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, columns))
        return sum(lengths) - (len(rows) - 1) * shared


def collation(model: Any, pad_token_id: int, max_length: int) -> Collation:
    """The layout that this model can read once `models.memory.prepare` has changed it; here it
    stays as it is.
    """
    reason = why_not_packed(model, max_length)
    return Collation(
        pad_token_id, reason and f"rows are padded, shared prompts computed twice: {reason}"
    )


def padded(pad_token_id: int) -> Collation:
    """Batches of padded rows."""
    return Collation(pad_token_id, "rows are padded: the caller asked for padding")
