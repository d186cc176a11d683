"""Decoding on a CPU without copying the cache: query heads that share a key-value head attend as
one query of several rows.

transformers repeats keys and values for every query head before it attends, at every token: for a
model with three query heads to a key-value head that is three copies of the whole cache a layer. A
decoded token has one query a head, so the heads of a group can stand where query positions do, and
`scaled_dot_product_attention` reads the cache as it is. The products are the same.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

NAME = "primum_grouped"


def decode_grouped(model: Any) -> None:
    """Switch a model that attends through `sdpa` on a CPU; others are left as they are."""
    # Costs a second, and only a model's process needs it.
    from transformers import AttentionInterface  # noqa: PLC0415
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask  # noqa: PLC0415

    fits = (
        getattr(model, "_supports_attention_backend", False)
        and model.config._attn_implementation == "sdpa"
    )
    if fits and model.device.type == "cpu":
        AttentionInterface.register(NAME, _attention)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        model.set_attn_implementation(NAME)


def _attention(
    module: Any,
    query: Tensor,  # (B, heads, positions, head size)
    key: Tensor,  # (B, key-value heads, seen, head size)
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> tuple[Tensor, None]:
    rows, heads, positions, size = query.shape
    shared = key.shape[1]
    if (
        # Only one position leaves the axis of queries free for the heads of a group; with a
        # key-value head for each query head nothing is copied anyway, and caps or sinks need more
        # than a softmax.
        positions != 1
        or heads == shared
        or dropout
        or options.get("softcap")
        or options.get("s_aux") is not None
    ):
        # Loaded with the model.
        from transformers.integrations.sdpa_attention import sdpa_attention_forward  # noqa: PLC0415

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **options
        )
    grouped = query.view(rows, shared, heads // shared, size)
    out = F.scaled_dot_product_attention(
        grouped, key, value, attn_mask=attention_mask, scale=scaling
    )
    # (B, positions, heads, size), as transformers' attention functions give it.
    return out.reshape(rows, 1, heads, size), None
