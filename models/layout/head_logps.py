"""log softmax(W h)[target] of a language-model head, without logits of the whole vocabulary.

The vocabulary is gone through a block of words at a time; the softmax's sum, and with it the
gradient for h, is carried from block to block (Milakov and Gimelshein 2018,
https://arxiv.org/abs/1805.02867). A token's log-probability depends on its own state only, so that
gradient, W[target] - softmax(W h)^T W, is made in the forward pass, while the logits are there; any
loss just scales it. Logits of a block stay in a CPU's cache and in memory that is used again; those
of 512 whole rows were new memory each time, which the system clears first.

N = tokens, H = hidden size, V = vocabulary. Natural logs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.layout.arithmetic import autocast_dtype

CHUNK_TOKENS = 512
"""Of a head that is called as a module."""
AT_ONCE = {"cpu": (1024, 2048), "cuda": (8192, 8192)}
"""Tokens and words of a block. On a CPU 8 MB of logits in float32, which a shared cache holds:
blocks of 1024 to 8192 words took as long to a tenth (SmolLM2, AMD EPYC)."""
FILLED = {"cpu": 0, "cuda": 2**26}
"""Logits that a block of few tokens has all the same, by more words. A block is some 20 launches of
a GPU; in blocks of 4096 words, 1,100 tokens of a Llama of 1B made a third of a step's launches by
the head alone (H200)."""


def head_logps(head: Any, states: Tensor, targets: Tensor) -> Tensor:
    """(N,) float32 log-probability of each target under head(state)."""
    # The formula below is of one product. A bias, an adapter on the head, or weights that ZeRO-3
    # gathers in the module's hooks need the module itself.
    if type(head) is nn.Linear and head.bias is None and not _sharded(head):
        return _HeadLogps.apply(states, head.weight, targets)
    parts = [
        checkpoint(
            _logps_of,
            head,
            states[i : i + CHUNK_TOKENS],
            targets[i : i + CHUNK_TOKENS],
            use_reentrant=False,
        )
        for i in range(0, _num_chunks(head, targets) * CHUNK_TOKENS, CHUNK_TOKENS)
    ]
    return torch.cat(parts)


def select_logps(logits: Tensor, targets: Tensor) -> Tensor:
    """(N,) from (N, V) logits."""
    logits = logits.float()
    return logits.gather(-1, targets[:, None])[:, 0] - logits.logsumexp(-1)


class _HeadLogps(torch.autograd.Function):
    """Products in the dtype of autocast, else of the weight; sums in float32 at least."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        kind = states.device.type
        dtype = autocast_dtype(kind) or weight.dtype
        # Without gradients (reference, measuring) the second product of each block is spared.
        slopes = torch.empty_like(states) if ctx.needs_input_grad[0] else None
        logps, normalisers = (
            torch.empty(len(states), dtype=_wide(dtype), device=states.device) for _ in range(2)
        )
        with torch.autocast(kind, enabled=False):
            for part in _cut(len(states), AT_ONCE[kind][0]):
                chosen, normalisers[part], mean = _over_vocabulary(
                    states[part].to(dtype), weight, targets[part], slopes is not None
                )
                logps[part] = chosen - normalisers[part]
                if slopes is not None and mean is not None:
                    slopes[part] = weight[targets[part]].to(dtype) - mean
        ctx.dtype = dtype
        # States only for the weight's gradient: a frozen head keeps no second (N, H).
        ctx.save_for_backward(
            slopes, normalisers, targets, weight, *([states] if ctx.needs_input_grad[1] else [])
        )
        return logps

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        slopes, normalisers, targets, weight, *trained = ctx.saved_tensors
        for_states = None if slopes is None else slopes * gradients[0][:, None].to(slopes.dtype)
        for_weight = (
            _for_weight(trained[0], weight, targets, normalisers, gradients[0], ctx.dtype)
            if trained
            else None
        )
        return for_states, for_weight, None


def _over_vocabulary(
    states: Tensor, weight: Tensor, targets: Tensor, with_mean: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """(n,) logits of the targets, (n,) log of the summed exponentials, (n, H) mean of W's rows
    under the softmax.
    """
    wide = _wide(states.dtype)
    chosen = torch.empty(len(states), dtype=wide, device=states.device)
    top, total = torch.full_like(chosen[:, None], -math.inf), torch.zeros_like(chosen[:, None])
    mean = torch.zeros(states.shape, dtype=wide, device=states.device) if with_mean else None
    for block in _blocks(states, weight, targets):
        logits = block.logits
        chosen = torch.where(block.inside, logits.gather(-1, block.place)[:, 0], chosen)
        # Sums are kept relative to the largest logit so far, as exp overflows float32 from 89 on,
        # and are shrunk when a larger one comes. From minus infinity the first shrink is 0.
        highest = torch.maximum(top, logits.amax(-1, keepdim=True))
        shrink, top = (top - highest).exp_(), highest
        logits.sub_(top).exp_()
        total.mul_(shrink).add_(logits.sum(-1, keepdim=True))
        if mean is not None:
            mean.mul_(shrink).add_(logits.to(states.dtype) @ block.rows)
    return chosen, (top + total.log())[:, 0], None if mean is None else mean.div_(total)


def _for_weight(
    states: Tensor,
    weight: Tensor,
    targets: Tensor,
    normalisers: Tensor,
    gradient: Tensor,
    dtype: torch.dtype,
) -> Tensor:
    """(V, H): the sum over tokens of gradient (one-hot of the target - softmax(W h)) h^T, the
    softmax computed again.
    """
    total = torch.zeros(weight.shape, dtype=_wide(dtype), device=weight.device)
    with torch.autocast(states.device.type, enabled=False):
        for part in _cut(len(states), AT_ONCE[states.device.type][0]):
            some, slope = states[part].to(dtype), gradient[part].to(total.dtype)
            for block in _blocks(some, weight, targets[part]):
                shares = block.logits.sub_(normalisers[part, None]).exp_().mul_(-slope[:, None])
                # A target elsewhere adds 0 to the word that stands in for it.
                shares.scatter_add_(1, block.place, (slope * block.inside)[:, None])
                # Over all parts of tokens in float32: one token's share of a word is tiny.
                total[block.words] += shares.to(dtype).t() @ some
    return total.to(weight.dtype)


class _Block(NamedTuple):
    words: slice
    rows: Tensor  # (words, H) of the weight, in the dtype of the states
    logits: Tensor  # (n, words), the reader's to change
    place: Tensor  # (n, 1) where the target is among the words, some word's for a target elsewhere
    inside: Tensor  # (n,) whether the target is among them


def _blocks(states: Tensor, weight: Tensor, targets: Tensor) -> Iterator[_Block]:
    for words in _cut(len(weight), words_at_once(states.device.type, len(states))):
        rows, place = weight[words].to(states.dtype), targets - words.start
        inside = (place >= 0) & (place < len(rows))
        logits = (states @ rows.t()).to(_wide(states.dtype))
        yield _Block(words, rows, logits, place.clamp(0, len(rows) - 1)[:, None], inside)


def words_at_once(device: str, tokens: int) -> int:
    """Of a block with so many tokens."""
    return max(AT_ONCE[device][1], FILLED[device] // max(tokens, 1))


def _cut(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def _sharded(head: Any) -> bool:
    """By ZeRO-3, which gathers weights in the hooks of their module."""
    return hasattr(head.weight, "ds_id")


def _num_chunks(head: Any, targets: Tensor) -> int:
    """Calls of the head.

    ZeRO-3 gathers its weights from all ranks at each call, so every rank makes as many; the last
    may be empty.
    """
    count = math.ceil(len(targets) / CHUNK_TOKENS)
    if not _sharded(head):
        return count
    most = torch.tensor(count, device=targets.device)
    torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
    return int(most)


def _logps_of(head: Any, states: Tensor, targets: Tensor) -> Tensor:
    return select_logps(head(states), targets)
