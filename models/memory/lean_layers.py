"""Norms and gated MLPs that keep less for the backward pass: what is cheap to compute again is
computed again.

As transformers writes a decoder layer, autograd keeps two vectors a token for each norm and four of
the MLP's width. Here a norm keeps its input, and an MLP its gate and up projections; the rest costs
a few passes over memory again, no matrix product. Values are the same to the bit, gradients to
rounding.

Only what computes the same is switched: other norms (Gemma's), fused projections, experts and
quantised weights stay as they are.

x: (..., H) of any leading shape.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from models.adapters.wrapping import unwrapped
from models.memory.shared_casts import share_casts


def keep_less(model: Any, *, mlps: bool = True) -> int:
    """Switch the norms and the gated MLPs of a model, and let its linear layers share what autocast
    casts; returns how many were switched.

    `mlps=False` is for gradient checkpointing, which keeps nothing of an MLP anyway and whose hooks
    must see all that is kept. Not for ZeRO-3, whose weights are there only while their module runs.
    """
    norms = [module for module in unwrapped(model).modules() if _is_norm(module)]
    gated = [module for module in unwrapped(model).modules() if mlps and is_gated_mlp(module)]
    share_casts(unwrapped(model))
    for modules, forward in ((norms, _norm), (gated, _gated_mlp)):
        for module in modules:
            module.forward = MethodType(forward, module)
    return len(norms) + len(gated)


def _is_norm(module: Any) -> bool:
    parts = hasattr(module, "variance_epsilon") and hasattr(module, "weight")
    # Norms differ in where they round, which their weights' own type may not show.
    return parts and all(
        _same(module, _norm, module.weight.numel(), dtype)
        for dtype in (torch.float32, torch.bfloat16)
    )


def is_gated_mlp(module: Any) -> bool:
    """Whether the module computes down(act(gate(x)) * up(x)) and no more: tried out."""
    if not all(hasattr(module, name) for name in ("gate_proj", "up_proj", "down_proj", "act_fn")):
        return False
    dtype = next(module.parameters()).dtype
    return dtype.is_floating_point and _same(
        module, _gated_mlp, module.gate_proj.in_features, dtype
    )


@torch.no_grad()
def _same(
    module: Any, forward: Callable[[Any, Tensor], Tensor], width: int, dtype: torch.dtype
) -> bool:
    """Whether the module's own forward gives what `forward` gives."""
    # Values of both signs, as activations differ below 0.
    x = torch.linspace(-2, 3, 2 * width, device=next(module.parameters()).device, dtype=dtype).view(
        1, 2, width
    )
    own, ours = module(x), forward(module, x)
    return own.dtype == ours.dtype and torch.equal(own, ours)


def _norm(self: Any, x: Tensor) -> Tensor:
    return _RmsNorm.apply(x, self.weight, self.variance_epsilon)


class _RmsNorm(torch.autograd.Function):
    """weight * x / sqrt(mean(x^2) + eps), in float32 up to the product with the weight (Zhang and
    Sennrich 2019, equation 4).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, scale, weight)
        return weight * (wide * scale).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, weight = ctx.saved_tensors
        (gradient,), normal = gradients, x.float() * scale
        for_weight = None
        if ctx.needs_input_grad[1]:
            for_weight = (gradient * normal.to(x.dtype)).flatten(0, -2).sum(0).to(weight.dtype)
        back = (gradient * weight).to(x.dtype).float()
        # With n = x s, s = 1 / sqrt(mean(x^2) + eps) and g the gradient of n: s (g - n mean(g n)).
        along = (back * normal).mean(-1, keepdim=True)
        return normal.mul_(-along).add_(back).mul_(scale).to(x.dtype), for_weight, None


def _gated_mlp(self: Any, x: Tensor) -> Tensor:
    """down(act(gate(x)) * up(x))"""
    gate, up = self.gate_proj(x), self.up_proj(x)
    if not (torch.is_grad_enabled() and gate.requires_grad and up.requires_grad):
        return self.down_proj(self.act_fn(gate) * up)
    product = _Gated.apply(gate, up, self.act_fn)
    # The hooks live as long as what is kept: they must not hold the product itself.
    place, again = product.data_ptr(), partial(_product, gate.detach(), up.detach(), self.act_fn)
    with saved_tensors_hooks(partial(_pack, place, product.numel()), partial(_unpack, again)):
        return self.down_proj(product)


def _product(gate: Tensor, up: Tensor, act: Callable[[Tensor], Tensor]) -> Tensor:
    with torch.no_grad():
        return act(gate) * up


def _pack(place: int, numel: int, kept: Tensor) -> Tensor | torch.Size:
    """The shape alone of what is the product itself."""
    # By its address, which is the product's own only while it lives; the hooks are in force as
    # long.
    return kept.shape if kept.data_ptr() == place and kept.numel() == numel else kept


def _unpack(again: Callable[[], Tensor], kept: Tensor | torch.Size) -> Tensor:
    return kept if isinstance(kept, Tensor) else again().view(kept)


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor, act: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.save_for_backward(gate, up)
        ctx.act = act
        return act(gate) * up

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gate, up), (gradient,) = ctx.saved_tensors, gradients
        with torch.enable_grad():
            # The activation may be any function: autograd has its derivative, on a graph of this
            # one node.
            leaf = gate.detach().requires_grad_()
            active = ctx.act(leaf)
        (for_gate,) = torch.autograd.grad(active, leaf, gradient * up)
        return for_gate, gradient * active.detach(), None
