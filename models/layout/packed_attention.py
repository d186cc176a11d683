"""Attention over a packed row, through transformers' own registry of attention functions: no model code is copied.

On a CPU the layout is computed a block of queries at a time (models/layout/blocked_attention.py), on a GPU it is a FlexAttention block mask.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from models.adapters.lora import unwrapped
from models.layout.arithmetic import autocast_dtype
from models.layout.blocked_attention import blocked_attention
from models.layout.packing import Packed, sees
from records.errors import ModelError

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

NAME = "primum_packed"
_FULL = {"full_attention", "sliding_attention"}  # a window that no row outgrows is full attention


def why_not_packed(model: Any, max_length: int) -> str | None:
    """Why rows of up to `max_length` tokens cannot be packed for this architecture; None when they can."""
    plain = unwrapped(model)
    config = plain.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    if getattr(plain, "_is_stateful", False) or kinds & {"mamba", "linear_attention", "recurrent", "conv"}:
        return "its layers are recurrent: a state runs through the row and cannot fork after a shared prefix"
    if not getattr(plain, "_supports_attention_backend", False):
        return "its attention is code of its own, which takes no layout from outside"
    if getattr(config, "alibi", False):
        return "ALiBi derives distances from places in the row, not from position ids"
    if kinds - _FULL:
        return f"it has layers of kind {', '.join(sorted(kinds - _FULL))}"
    window = getattr(config, "sliding_window", None)
    windowed = "sliding_attention" in kinds or (window and not kinds and getattr(config, "use_sliding_window", True))
    if windowed and window and max_length > window:
        return f"its sliding window of {window} tokens is shorter than model.max_length={max_length}"
    return None


def use_packed_attention(model: Any) -> None:
    """Make the model accept packed rows beside ordinary batches, which go on as before."""
    from transformers import AttentionInterface  # noqa: PLC0415  costs a second, and only a model's process needs it
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask  # noqa: PLC0415  as above

    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    unwrapped(model).set_attn_implementation(NAME)


def packed_inputs(packed: Packed) -> dict[str, Any]:
    """Keyword arguments of a decoder's forward. The mask of four dimensions is a mark: it keeps transformers from building a T x T one."""
    return {
        "input_ids": packed.input_ids,
        "position_ids": packed.position_ids,
        "attention_mask": torch.zeros(1, 1, 1, 1, device=packed.input_ids.device),
        "packed": packed,
        "use_cache": False,
    }


def _attention(
    module: Any,
    query: Tensor,  # (1, heads, T, head size)
    key: Tensor,  # (1, key-value heads, T, head size)
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    packed: Packed | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    if packed is None:
        if attention_mask is not None and attention_mask.shape == (1, 1, 1, 1) and query.shape[2] > 1:
            raise ModelError(f"{type(module).__name__} does not hand the layout of packed rows to its attention; please report this model")
        from transformers.integrations.sdpa_attention import sdpa_attention_forward  # noqa: PLC0415  loaded with the model

        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **options)
    if options.get("softcap") or options.get("s_aux") is not None:
        raise ModelError(
            f"{type(module).__name__} changes attention scores in a way that packed rows do not serve; please report this model"
        )
    if dropout:
        raise ModelError("attention dropout is not offered for packed rows; set the model's attention_dropout to 0")
    attend = _flex if query.is_cuda else blocked_attention
    # Under autocast rotary positions leave queries and keys in float32, beside values in half precision.
    dtype = autocast_dtype(query.device.type) or query.dtype
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return attend(query.to(dtype), key.to(dtype), value.to(dtype), packed, scale).transpose(1, 2), None


def _flex(query: Tensor, key: Tensor, value: Tensor, packed: Packed, scale: float) -> Tensor:
    mask = _block_mask(packed.subtree_end)
    return _compiled_flex()(query, key, value, block_mask=mask, scale=scale, enable_gqa=query.shape[1] != key.shape[1])


@lru_cache(maxsize=1)
def _compiled_flex() -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention  # noqa: PLC0415  costs a second, and only a GPU needs it

    return torch.compile(flex_attention, dynamic=True)


@lru_cache(maxsize=1)
def _block_mask(ends: Tensor) -> BlockMask:
    """The layout's mask, built once a batch (a tensor is its own key) and used by every layer, forwards and in recomputation."""
    from torch.nn.attention.flex_attention import create_block_mask  # noqa: PLC0415  as above

    def visible(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return sees(query, key, ends)

    return create_block_mask(visible, None, None, len(ends), len(ends), device=str(ends.device))
