"""What a batch of prompts costs before its first new token: the beginning that all share is
computed once, and the head reads rows that lie together.

Chat formats and system prompts make every prompt of a batch begin with the same tokens; with short
requests that is half of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

import torch
from transformers import DynamicCache

from models.adapters.wrapping import unwrapped
from models.layout.packed_attention import why_no_layout

WORTH = 8
"""Shared tokens from which the forward pass of their own costs less than it spares."""


def shared_start(model: Any, ids: list[list[int]], length: int) -> int:
    """How many first tokens of all rows to compute once: never a whole row, none where the
    architecture would notice padding behind them.

    `length` is the longest row with what will be added to it.
    """
    same = sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*ids, strict=False)))
    # One token of each row is left over: from its state the first new token is chosen.
    shared = min(same, min(map(len, ids)) - 1)
    return (
        shared if shared >= WORTH and len(ids) > 1 and why_no_layout(model, length) is None else 0
    )


def prefilled(model: Any, start: list[int], rows: int) -> DynamicCache:
    """Keys and values of `start`, for `rows` rows that all begin with it."""
    plain = unwrapped(model)
    cache = DynamicCache(config=plain.config)
    plain.get_decoder()(
        input_ids=torch.tensor([start], device=model.device), past_key_values=cache, use_cache=True
    )
    cache.batch_repeat_interleave(rows)
    return cache


@contextmanager
def dense_head(model: Any) -> Iterator[None]:
    """Hand the language-model head contiguous states.

    `generate` hands it the last place of every row of a long batch, a strided view. For such a view
    and frozen weights torch does not fold rows into one product but copies the head's matrix once a
    row: 3.6 GB and 6 s for 64 rows of SmolLM2 on two cores.
    """
    hook = (
        unwrapped(model)
        .get_output_embeddings()
        .register_forward_pre_hook(lambda head, inputs: (inputs[0].contiguous(),))
    )
    try:
        yield
    finally:
        hook.remove()
