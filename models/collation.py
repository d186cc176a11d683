"""How token rows become a batch that a model can read: packed where the architecture allows it, padded where it does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from models.logps import Batch, Rows, collate
from models.packed_attention import use_packed_attention, why_not_packed
from models.packing import pack
from models.tokens import TokenRow

Collate = Callable[[list[TokenRow]], Rows]


class Collation(NamedTuple):
    collate: Collate
    note: str | None
    """Why rows are padded, for the log; None when they are packed."""


def collation(model: Any, pad_token_id: int, max_length: int) -> Collation:
    """The layout for this model, which is made ready for it. Either gives the same log-probabilities and gradients."""
    reason = why_not_packed(model, max_length)
    if reason:
        return Collation(padded(pad_token_id), f"rows are padded, shared prompts computed twice: {reason}")
    use_packed_attention(model)
    return Collation(pack, None)


def padded(pad_token_id: int) -> Callable[[list[TokenRow]], Batch]:
    return partial(collate, pad_token_id=pad_token_id)
