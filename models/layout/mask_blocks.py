"""Which blocks of keys a block of queries sees, from the intervals of a packed row: no T x T tensor
is made.

Token k is looked back at by the places from k up to `subtree_end[k]`. For two blocks of BLOCK
places it is thus enough to know the nearest and the furthest end of the keys. T = tokens of the
packed row, n = blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

BLOCK = 128
"""FlexAttention's own size of a block."""
LEAST = 2
"""Blocks of the shortest row: a size of one would be compiled as a variant of its own."""
HIDDEN, PARTLY, WHOLE = 0, 1, 2
BYTES_A_PAIR = 45
"""Of two blocks on a GPU: one here, and at the peak four tables of four bytes with what sorting one
of them takes."""


def sees(query: Tensor, key: Tensor, subtree_end: Tensor) -> Tensor:
    """Whether place `query` may look back at place `key`; places in any shapes that go together."""
    return (key <= query) & (query < subtree_end[key])


def mask_blocks(subtree_end: Tensor) -> Tensor:
    """(n, n) uint8: whether block q of queries sees nothing (0), a part (1) or the whole (2) of
    block k of keys.
    """
    tokens = len(subtree_end)
    count = max(LEAST, -(-tokens // BLOCK))
    # Places beyond the row end at 0, so that nobody looks back at them.
    ends = F.pad(subtree_end, (0, count * BLOCK - tokens)).view(count, BLOCK)
    starts = torch.arange(count) * BLOCK
    earlier = starts[None] < starts[:, None]
    # The furthest end of block k lies beyond the first query of block q: somebody sees something.
    sees_one = earlier & (ends.amax(1)[None] > starts[:, None])
    # A last block that is not full has places of no token: it is masked place by place.
    sees_all = (
        earlier
        & (ends.amin(1)[None] >= starts[:, None] + BLOCK)
        & (starts + BLOCK <= tokens)[:, None]
    )
    # Its own block is always seen in part, whatever its ends: the diagonal is causal.
    itself = torch.diag(starts < tokens)
    return (sees_one | itself).to(torch.uint8) + sees_all


def block_mask(blocks: Tensor, subtree_end: Tensor) -> BlockMask:
    """The mask of a packed row, made on the row's device without waiting for it."""
    # Costs a second, and only a GPU needs it.
    from torch.nn.attention.flex_attention import BlockMask  # noqa: PLC0415

    def visible(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return sees(query, key, subtree_end)

    tokens = len(subtree_end)
    return BlockMask.from_kv_blocks(
        *_listed(blocks == PARTLY),
        *_listed(blocks == WHOLE),
        BLOCK_SIZE=BLOCK,
        mask_mod=visible,
        seq_lengths=(tokens, tokens),
    )


def _listed(wanted: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks of each row are wanted, (1, 1, n), and all blocks with those first, (1, 1, n,
    n).
    """
    # Sorted whole and counted apart: `nonzero` would have a size for which a GPU must be waited.
    order = wanted.to(torch.int8).argsort(dim=1, descending=True, stable=True)
    return wanted.sum(1, dtype=torch.int32)[None, None], order.to(torch.int32)[None, None]
