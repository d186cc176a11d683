"""A static cache for rows that are being written: each has a slot, which the next row takes when it
has ended.

Keys and values of a slot start at place 0, without padding before them. What all rows begin with is
computed once, apart, and copied into each slot. A decoded token has one query a head, so the heads
that share a key-value head stand where query positions do, and `scaled_dot_product_attention` reads
the cache as it lies.

S = slots, C = places of a slot, H = query heads, K = key-value heads, D = head size, P = tokens
that all rows begin with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NAME = "primum_slots"


class Slots:
    """Made empty; the first rows that are admitted tell the sizes of every layer's heads."""

    def __init__(
        self, count: int, places: int, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.count, self.places = count, places
        self.keys: dict[int, Tensor] = {}  # by layer, (S, K, C, D)
        self.values: dict[int, Tensor] = {}
        self.start: dict[
            int, tuple[Tensor, Tensor]
        ] = {}  # by layer, (1, K, P, D) of what all rows begin with
        # 0 where a slot has a token.
        self.hidden = torch.full((count, 1, 1, places), float("-inf"), dtype=dtype, device=device)

    def write(self, layer: int, slots: Tensor, keys: Tensor, values: Tensor) -> None:
        """Rows of (n, K, T, D) from place 0 on."""
        if layer not in self.keys:
            # Zeros and no empty memory: a hidden place has weight 0, and 0 times a NaN that lay
            # there is a NaN.
            for cache, made in ((self.keys, keys), (self.values, values)):
                cache[layer] = made.new_zeros(self.count, made.shape[1], self.places, made.shape[3])
        self.keys[layer][slots, :, : keys.shape[2]] = keys
        self.values[layer][slots, :, : keys.shape[2]] = values

    def show(self, slots: Tensor, lengths: Tensor) -> None:
        """The tokens that rows just admitted have, by slot."""
        tokens = torch.arange(self.places, device=slots.device) < lengths[:, None]
        self.hidden[slots, 0, 0] = torch.where(tokens, 0.0, float("-inf")).to(self.hidden.dtype)

    def keep(self, slots: Tensor) -> None:
        """These alone, in this order."""
        self.count = len(slots)
        for cache in (self.keys, self.values):
            for layer in cache:
                cache[layer] = cache[layer][slots]
        self.hidden = self.hidden[slots]


class Pass(ABC):
    """One forward pass: what its tokens attend to, and where their keys and values go."""

    @abstractmethod
    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float | None
    ) -> Tensor:
        """(n, H, T, D) from queries (n, H, T, D), keys and values (n, K, T, D) of the tokens that
        are new.
        """


class Start(Pass):
    """Of what all rows begin with."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float | None
    ) -> Tensor:
        """Attention of a start that all slots share."""
        self.slots.start[layer] = key, value
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            is_causal=True,
            scale=scale,
            enable_gqa=query.shape[1] != key.shape[1],
        )


class Admission(Pass):
    """Of rows that enter slots, from where they part from the start that all share; shorter ones
    are padded behind.
    """

    def __init__(self, slots: Slots, numbers: Tensor, shared: int, width: int) -> None:
        self.slots, self.numbers = slots, numbers
        places = torch.arange(shared + width, device=numbers.device)
        # (T, P + T): a token sees the shared start, and what comes before it in its own row.
        later = places > places[shared:, None]
        self.hidden = torch.zeros(
            later.shape, dtype=slots.hidden.dtype, device=numbers.device
        ).masked_fill_(later, float("-inf"))

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float | None
    ) -> Tensor:
        """Attention of prompts that get a slot, to the shared start as well."""
        if layer in self.slots.start:
            before = [tensor.expand(len(key), -1, -1, -1) for tensor in self.slots.start[layer]]
            key, value = torch.cat([before[0], key], 2), torch.cat([before[1], value], 2)
        self.slots.write(layer, self.numbers, key, value)
        gqa = query.shape[1] != key.shape[1]
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=self.hidden, scale=scale, enable_gqa=gqa
        )


class Next(Pass):
    """Of one token a slot, at `places`; `width` is how many places any slot has with it."""

    def __init__(self, slots: Slots, places: Tensor, width: int) -> None:
        self.slots, self.places, self.width = slots, places, width
        self.rows = torch.arange(slots.count, device=places.device)
        # Before its keys are written: the new token attends to itself. So do slots without a row,
        # whose softmax over hidden places alone would be NaN.
        slots.hidden[self.rows, 0, 0, places] = 0
        self.hidden = slots.hidden[..., :width]

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float | None
    ) -> Tensor:
        """Attention of the next token of every slot."""
        keys, values = self.slots.keys[layer], self.slots.values[layer]
        # (S, K, D), each at its own slot's place.
        keys[self.rows, :, self.places] = key[:, :, 0]
        values[self.rows, :, self.places] = value[:, :, 0]
        # (S, K, H / K, D): heads that read one key-value head, in the place of query positions.
        grouped = query.view(len(query), keys.shape[1], -1, query.shape[3])
        # Views: no place is read that no slot has reached.
        seen, read = keys[:, :, : self.width], values[:, :, : self.width]
        out = F.scaled_dot_product_attention(
            grouped, seen, read, attn_mask=self.hidden, scale=scale
        )
        return out.reshape(len(query), query.shape[1], 1, -1)


def inputs_of(ids: Tensor, positions: Tensor, step: Pass) -> dict[str, Any]:
    """Keyword arguments of a decoder's forward.

    The mask of four dimensions keeps transformers from building one of its own.
    """
    mark = torch.zeros(1, 1, 1, 1, device=ids.device)
    return {
        "input_ids": ids,
        "position_ids": positions,
        "attention_mask": mark,
        "slots_pass": step,
        "use_cache": False,
    }


@contextmanager
def attending_slots(plain: Any) -> Iterator[None]:
    """Within it, the model's attention reads and fills slots."""
    # Costs a second, and only a model's process needs it.
    from transformers import AttentionInterface  # noqa: PLC0415
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask  # noqa: PLC0415

    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    before = plain.config._attn_implementation
    plain.set_attn_implementation(NAME)
    try:
        yield
    finally:
        plain.set_attn_implementation(before)


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    slots_pass: Pass,
    **options: Any,
) -> tuple[Tensor, None]:
    return slots_pass.attend(module.layer_idx, query, key, value, scaling).transpose(1, 2), None
