"""Attention over a packed row inside a compiled layer: one node of its graph.

On a GPU the compiler lowers FlexAttention itself. On a CPU the loop over blocks of queries, whose
number each batch decides, is an operator that the compiler calls and does not look into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from models.layout.blocked_attention import attended, attended_back

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask, FlexKernelOptions


class Traced(NamedTuple):
    """What a compiled layer is told of a packed row: no sizes that would each be guarded."""

    subtree_end: Tensor  # (T,)
    mask: BlockMask | None  # on a GPU; made before the layers, once a batch


def traced_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    traced: Traced,
    scale: float,
    kernel: FlexKernelOptions,
) -> Tensor:
    """(1, H, T, D) as of `blocked_attention`, or of FlexAttention with these kernel options."""
    if traced.mask is None:
        out: Tensor = _attended(query, key, value, traced.subtree_end, scale)
        return out
    # Costs a second, and only a GPU needs it.
    from torch.nn.attention.flex_attention import flex_attention  # noqa: PLC0415

    # Inputs are of one type by now; under autocast this would be a variant of its own.
    with torch.autocast(query.device.type, enabled=False):
        made = flex_attention(
            query,
            key,
            value,
            block_mask=traced.mask,
            scale=scale,
            enable_gqa=query.shape[1] != key.shape[1],
            kernel_options=kernel,
        )
    assert isinstance(made, Tensor)
    return made


def _operator(query: Tensor, key: Tensor, value: Tensor, ends: Tensor, scale: float) -> Tensor:
    return attended(query, key, value, ends, scale)


_attended = torch.library.custom_op(
    "primum::attended",
    _operator,
    mutates_args=(),
    schema="(Tensor query, Tensor key, Tensor value, Tensor ends, float scale) -> Tensor",
)


@_attended.register_fake
def _(query: Tensor, key: Tensor, value: Tensor, ends: Tensor, scale: float) -> Tensor:
    # With the strides that `attended` gives: the compiler plans by them.
    _, heads, tokens, _ = query.shape
    return query.new_empty(1, tokens, heads, value.shape[-1]).transpose(1, 2)


def _back_operator(
    gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, ends: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    for_q, for_k, for_v = attended_back(gradient, query, key, value, ends, scale)
    # As the fake promises; `for_q` has the strides of the queries.
    return for_q.contiguous(), for_k, for_v


_attended_back = torch.library.custom_op(
    "primum::attended_back",
    _back_operator,
    mutates_args=(),
    schema="(Tensor gradient, Tensor query, Tensor key, Tensor value, Tensor ends, float scale) "
    "-> (Tensor, Tensor, Tensor)",
)


@_attended_back.register_fake
def _(
    gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, ends: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(tensor.new_empty(tensor.shape) for tensor in (query, key, value))  # type: ignore[return-value]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *kept, scale = inputs
    ctx.save_for_backward(*kept)
    ctx.scale = scale


def _back(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    return *_attended_back(gradient, *ctx.saved_tensors, ctx.scale), None, None


_attended.register_autograd(_back, setup_context=_keep)
