"""Attention over a packed row, through transformers' own registry of attention functions: no model
code is copied.

On a CPU the layout is computed a block of queries at a time (models/layout/blocked_attention.py),
on a GPU it is a FlexAttention block mask.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from models.adapters.wrapping import unwrapped
from models.layout.arithmetic import autocast_dtype
from models.layout.blocked_attention import blocked_attention
from models.layout.mask_blocks import block_mask
from models.layout.packing import Packed
from models.layout.traced_attention import Traced, traced_attention
from records.errors import ModelError

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import FlexKernelOptions

NAME = "primum_packed"
_FULL = {"full_attention", "sliding_attention"}  # a window that no row outgrows is full attention

KERNEL: FlexKernelOptions = {"FORCE_USE_FLEX_ATTENTION": True}
"""Else rows under 128 tokens take Inductor's kernel for decoding, which has no candidate for some
ratios of heads (pytorch#185349)."""
LEAST_HEAD = 16
"""The smallest head size that FlexAttention's kernels compute."""
VARIANTS = 64
"""Compiled variants that a process may hold: of gradients or none, of types, of head shapes.
Dynamo's own limit is 8."""


def why_not_packed(model: Any, max_length: int) -> str | None:
    """Why rows of up to `max_length` tokens cannot be packed for this architecture on this machine;
    None when they can.
    """
    return why_no_layout(model, max_length) or _why_no_kernel(model)


def _why_no_kernel(model: Any) -> str | None:
    config = unwrapped(model).config.get_text_config()
    heads = getattr(config, "num_attention_heads", None)
    size = getattr(config, "head_dim", None) or (config.hidden_size // heads if heads else None)
    if size is None or size >= LEAST_HEAD or not torch.cuda.is_available():
        return None
    return (
        f"its heads of {size} are smaller than the {LEAST_HEAD} that a GPU's kernels for packed "
        "rows take"
    )


def why_no_layout(model: Any, max_length: int) -> str | None:
    """Why tokens of this architecture cannot be told what to look back at, wherever it runs; None
    when they can.
    """
    plain = unwrapped(model)
    config = plain.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    if getattr(plain, "_is_stateful", False) or kinds & {
        "mamba",
        "linear_attention",
        "recurrent",
        "conv",
    }:
        return (
            "its layers are recurrent: a state runs through the row and cannot fork after a shared "
            "prefix"
        )
    if not getattr(plain, "_supports_attention_backend", False):
        return "its attention is code of its own, which takes no layout from outside"
    if getattr(config, "alibi", False):
        return "ALiBi derives distances from places in the row, not from position ids"
    if kinds - _FULL:
        return f"it has layers of kind {', '.join(sorted(kinds - _FULL))}"
    window = getattr(config, "sliding_window", None)
    windowed = "sliding_attention" in kinds or (
        window and not kinds and getattr(config, "use_sliding_window", True)
    )
    # A window that holds the longest row hides nothing, so packing may ignore it.
    if windowed and window and max_length > window:
        return (
            f"its sliding window of {window} tokens is shorter than model.max_length={max_length}"
        )
    return None


def use_packed_attention(model: Any) -> None:
    """Make the model accept packed rows beside ordinary batches, which go on as before."""
    # Costs a second, and only a model's process needs it.
    from transformers import AttentionInterface  # noqa: PLC0415
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask  # noqa: PLC0415

    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    unwrapped(model).set_attn_implementation(NAME)


def packed_inputs(packed: Packed, model: Any) -> dict[str, Any]:
    """Keyword arguments of the forward of `model`, a plain decoder.

    The mask of four dimensions is a mark: it keeps transformers from building a T x T one. Raises
    RuntimeError for a model that is not prepared, which would let every token see every other.
    """
    if model.config._attn_implementation != NAME:
        raise RuntimeError(
            f"{type(model).__name__} is not prepared for packed rows; call "
            "models.memory.prepare.prepare on it first"
        )
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
    packed: Packed | Traced | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    # The mark has come and the layout has not: the layers drop keyword arguments that they do not
    # know, and all tokens would see all. One query alone may have such a mask of its own.
    if packed is None:
        if (
            attention_mask is not None
            and attention_mask.shape == (1, 1, 1, 1)
            and query.shape[2] > 1
        ):
            raise ModelError(
                f"{type(module).__name__} does not hand the layout of packed rows to its "
                "attention; please report this model"
            )
        # Loaded with the model.
        from transformers.integrations.sdpa_attention import sdpa_attention_forward  # noqa: PLC0415

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **options
        )
    if options.get("softcap") or options.get("s_aux") is not None:
        raise ModelError(
            f"{type(module).__name__} changes attention scores in a way that packed rows do not "
            "serve; please report this model"
        )
    if dropout:
        raise ModelError(
            "attention dropout is not offered for packed rows; set the model's attention_dropout "
            "to 0"
        )
    # Under autocast rotary positions leave queries and keys in float32, beside values in half
    # precision.
    dtype = autocast_dtype(query.device.type) or query.dtype
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    inputs = query.to(dtype), key.to(dtype), value.to(dtype)
    if isinstance(packed, Traced):
        return traced_attention(*inputs, packed, scale, KERNEL).transpose(1, 2), None
    attend = _flex if query.is_cuda else blocked_attention
    return attend(*inputs, packed, scale).transpose(1, 2), None


def traced(packed: Packed) -> Traced:
    """What compiled layers are told of a packed row."""
    ends = packed.subtree_end
    return Traced(ends, _mask_of(packed.blocks, ends) if ends.is_cuda else None)


def _flex(query: Tensor, key: Tensor, value: Tensor, packed: Packed, scale: float) -> Tensor:
    """FlexAttention, compiled.

    It fails rather than falls back: what is not fused holds T x T scores.
    """
    # Inputs are of one type already; autocast, and whether it keeps its casts, would each be a
    # variant to compile.
    with (
        torch.autocast(query.device.type, enabled=False, cache_enabled=False),
        torch._dynamo.config.patch(recompile_limit=VARIANTS),
    ):
        return _compiled_flex()(
            query,
            key,
            value,
            block_mask=_mask_of(packed.blocks, packed.subtree_end),
            scale=scale,
            enable_gqa=query.shape[1] != key.shape[1],
            kernel_options=KERNEL,
        )


@lru_cache(maxsize=1)
def _compiled_flex() -> Callable[..., Tensor]:
    # Costs a second, and only a GPU needs it.
    from torch.nn.attention.flex_attention import flex_attention  # noqa: PLC0415

    # Dynamic, as every batch has another length; a graph that breaks would be unfused there.
    return torch.compile(flex_attention, dynamic=True, fullgraph=True)


_mask_of = lru_cache(maxsize=1)(block_mask)
"""Built once a batch (a tensor is its own key) and used by every layer, forwards and in
recomputation."""
