"""Attention over a packed row on a CPU: a block of queries at a time, against every key that one of
them may look back at.

torch's own attention for CPUs knows rectangles only, and in half precision its backward pass runs
at a fraction of the rate of matrix products. Here a block is a few large products. Scores are not
kept: the backward pass makes a block's again from its queries and keys (as Dao et al. 2022 do,
https://arxiv.org/abs/2205.14135, section 3.1), so memory grows with T and not with T squared.

T = tokens of the packed row, H = query heads, K = key-value heads (H / K query heads read one), D =
head size, L = queries of a block, N = keys that it sees.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.layout.mask_blocks import sees
from models.layout.packing import Packed

BLOCK_BYTES = 256
"""Queries of a block times the size of a number: 128 in bfloat16, 64 in float32. Larger blocks
compute more that is hidden, smaller ones are slower products; 128 and 64 were the fastest of 32,
64, 96, 128, 192 and 256 (SmolLM2's heads, AMD EPYC)."""


class Block(NamedTuple):
    start: int
    end: int
    # (N,) places: first those that all its queries see, then those that some see.
    keys: Tensor | slice
    hidden: Tensor  # (L, keys that some see) minus infinity where a query does not see one, else 0


def blocked_attention(
    query: Tensor, key: Tensor, value: Tensor, packed: Packed, scale: float
) -> Tensor:
    """softmax(scale Q K^T) V along the layout's paths.

    query: (1, H, T, D); key, value: (1, K, T, D), all of one type. Gives (1, H, T, D). What the
    rows that share a key send back to it is added up in float32, whatever the type.
    """
    return _BlockedAttention.apply(query, key, value, packed.subtree_end, scale)


@lru_cache(maxsize=1)
def _blocks(ends: Tensor, dtype: torch.dtype) -> list[Block]:
    """Built once a batch (a tensor is its own key) and used by every layer, forwards and
    backwards.
    """
    size, places = BLOCK_BYTES // dtype.itemsize, torch.arange(len(ends))
    blocks = []
    # Kept for later passes, which may need it for their gradients.
    with torch.inference_mode(False):
        for start in range(0, len(ends), size):
            end = min(start + size, len(ends))
            before = places[:start]
            # An earlier token whose interval covers the block is seen by all of it and needs no
            # mask; one whose interval ends inside it, by the first of its queries.
            seen_by_all = before[ends[:start] >= end]
            seen_by_some = torch.cat(
                [before[(ends[:start] > start) & (ends[:start] < end)], places[start:end]]
            )
            visible = sees(places[start:end, None], seen_by_some, ends)
            # Every query sees itself, so no row is hidden whole, which softmax would make NaN.
            hidden = torch.zeros(visible.shape, dtype=dtype).masked_fill_(~visible, float("-inf"))
            blocks.append(Block(start, end, _run(torch.cat([seen_by_all, seen_by_some])), hidden))
    return blocks


def _run(places: Tensor) -> Tensor | slice:
    """A slice where places follow one another: it needs no copy."""
    return (
        slice(int(places[0]), int(places[-1]) + 1) if bool((places.diff() == 1).all()) else places
    )


class _BlockedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, ends: Tensor, scale: float
    ) -> Tensor:
        ctx.save_for_backward(query, key, value)
        ctx.ends, ctx.scale = ends, scale
        return attended(query, key, value, ends, scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value = ctx.saved_tensors
        found = attended_back(gradients[0], query, key, value, ctx.ends, ctx.scale)
        return *found, None, None


def attended(query: Tensor, key: Tensor, value: Tensor, ends: Tensor, scale: float) -> Tensor:
    """(1, H, T, D), a token's heads side by side, as the next layer reads them; `ends` is (T,)."""
    with torch.autocast("cpu", enabled=False):
        # Scaled once, and not in the scores of every block.
        q, k, v = query[0] * scale, key[0].contiguous(), value[0].contiguous()
        # (H, T, D) in the memory of (T, H, D): the transpose that the next layer needs copies
        # nothing.
        out = q.new_empty(q.shape[1], len(q), v.shape[-1]).transpose(0, 1)
        for block in _blocks(ends, query.dtype):
            heads = _weights(_of_block(q, block, len(k)), _seen(k, block), block) @ _seen(v, block)
            out[:, block.start : block.end] = heads.view(len(q), -1, v.shape[-1])
    return out[None]


def attended_back(
    gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, ends: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients for queries, keys and values, from that of what `attended` gives."""
    with torch.autocast("cpu", enabled=False):
        q, k, v, g = query[0] * scale, key[0].contiguous(), value[0].contiguous(), gradient[0]
        for_q, for_k, for_v = torch.empty_like(q), _sums(k), _sums(v)
        for block in _blocks(ends, query.dtype):
            queries, keys = _of_block(q, block, len(k)), _seen(k, block)
            back, weights = _of_block(g, block, len(k)), _weights(queries, keys, block)
            _add(for_v, block, weights.mT @ back)
            for_scores = torch._softmax_backward_data(
                back @ _seen(v, block).mT, weights, -1, weights.dtype
            )
            for_q[:, block.start : block.end] = (for_scores @ keys).view(len(q), -1, q.shape[-1])
            _add(for_k, block, for_scores.mT @ queries)
    return (
        for_q.mul_(scale)[None],
        for_k[None].to(key.dtype),
        for_v[None].to(value.dtype),
    )


def _weights(queries: Tensor, keys: Tensor, block: Block) -> Tensor:
    """(K, H / K x L, N) attention weights."""
    scores = queries @ keys.mT
    length, partly = block.hidden.shape
    # In place, and only on the keys that not all queries see, which stand last.
    scores.view(len(keys), -1, length, keys.shape[1])[..., -partly:] += block.hidden
    return torch.softmax(scores, -1)


def _of_block(x: Tensor, block: Block, key_heads: int) -> Tensor:
    """(H, T, D) to (K, H / K x L, D): the queries that read one key-value head are rows of one
    matrix.
    """
    return x[:, block.start : block.end].reshape(key_heads, -1, x.shape[-1])


def _seen(x: Tensor, block: Block) -> Tensor:
    """(K, T, D) to (K, N, D)"""
    return x[:, block.keys] if isinstance(block.keys, slice) else x.index_select(1, block.keys)


def _sums(x: Tensor) -> Tensor:
    # A key is read by many blocks: in bfloat16 their sum would lose the later parts.
    return torch.zeros_like(x, dtype=torch.promote_types(x.dtype, torch.float32))


def _add(total: Tensor, block: Block, part: Tensor) -> None:
    if isinstance(block.keys, slice):
        total[:, block.keys] += part
    else:
        total.index_add_(1, block.keys, part.to(total.dtype))
