"""Decoder layers compiled one by one: what stands between their matrix products becomes a few
kernels.

A GPU launches 211 kernels for a layer with LoRA, forwards and backwards, however few tokens there
are; for a compiled layer 81 (docs/speed.md). All layers run the same code, so it is compiled once
for all of them and for every length of a packed row (regional compilation). A CUDA graph would have
to be captured for every length.

The compiler decides what is kept for the backward pass and what is cheap to compute again, and
keeps a fifth less than the layers of models/memory/lean_layers.py, which are not switched in beside
it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import MethodType
from typing import Any

import torch
import torch._functorch.config

from models.adapters.wrapping import unwrapped
from models.layout.packed_attention import VARIANTS, traced
from models.memory.gradient_checkpointing import decoder_layers
from models.memory.lean_layers import is_gated_mlp

MERGED: dict[str, str | int | bool | Callable[..., Any]] = {"combo_kernels": True}
"""Kernels that do not need each other are launched as one, on a GPU: the casts of a layer's 21
matrices above all."""


def why_not_compiled(model: Any, *, packed: bool = True) -> str | None:
    """Why the layers of this model are computed operator by operator; None where they can be
    compiled.
    """
    # Without the layout of packed rows `_forward` takes the ordinary way in any case.
    if not packed:
        return "its rows are padded"
    layers = decoder_layers(model)
    if not layers:
        return f"{type(unwrapped(model)).__name__} has no layers that could be compiled one by one"
    if all(is_gated_mlp(getattr(layer, "mlp", None)) for layer in layers):
        return None
    return "compilation is tried out only for layers with a plain gated MLP"


def compile_layers(model: Any) -> int:
    """Compile the decoder layers of a model whose rows are packed; returns how many there are.

    Other input, as that of generation, goes through a layer as before. What cannot be compiled is
    an error of the first pass, and no slower pass. Not for ZeRO-3, which gathers weights in hooks.
    A process pays for the compiler once a kind of pass: with gradients, without, and with gradients
    for the first layer, whose input needs none.
    """
    layers = decoder_layers(model)
    for layer in layers:
        layer.forward = MethodType(_forward, layer)  # type: ignore[method-assign]
    return len(layers)


def _forward(self: Any, *args: Any, packed: Any = None, **kwargs: Any) -> Any:
    if packed is None:
        return type(self).forward(self, *args, **kwargs)
    # Else the gate's products are kept, as the backward pass hands them to a matrix product.
    lean = torch._functorch.config.patch(ban_recompute_materialized_backward=False)
    with lean, torch._dynamo.config.patch(recompile_limit=VARIANTS):
        return _compiled(packed.subtree_end.is_cuda)(self, *args, packed=traced(packed), **kwargs)


@lru_cache
def _compiled(on_gpu: bool) -> Callable[..., Any]:
    return torch.compile(_plain, dynamic=True, fullgraph=True, options=MERGED if on_gpu else None)


def _plain(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """Of the layer's class, whichever layer it is: what is compiled is one function."""
    return type(layer).forward(layer, *args, **kwargs)
