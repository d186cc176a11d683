"""A LoRA layer as one step of autograd: y = x W^T + s (x A^T) B^T, with gradients for x, A and B
only.

peft's own forward records every product and cast apart and keeps their inputs and outputs for the
backward pass. Here only x and the narrow x A^T are kept, the low-rank part is added in place, and
the values are the same. W + s B A is never formed: rounded to bfloat16 it would lose updates that
are small beside W.

x: (..., in); W: (out, in); A: (r, in); B: (out, r); s = alpha / r.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from models.adapters.wrapping import unwrapped
from models.memory.shared_casts import shared_cast


def fuse_lora(model: Any) -> int:
    """Switch every plain LoRA layer of the model to the one-step form; returns how many were
    switched.

    Layers with dropout, DoRA or other variants, quantised or trained base weights or several
    adapters keep peft's own forward. Not for ZeRO-3, which gathers weights in the hooks of the
    submodules that this passes by.
    """
    # Costs seconds, and only trainings need it.
    from peft.tuners.lora.layer import Linear as LoraLinear  # noqa: PLC0415

    switched = [
        module
        for module in unwrapped(model).modules()
        if isinstance(module, LoraLinear) and _plain(module)
    ]
    for module in switched:
        module.forward = MethodType(_forward, module)
    return len(switched)


def _plain(module: Any) -> bool:
    names = module.active_adapters
    return (
        len(names) == 1
        and type(module.base_layer) is nn.Linear
        # The step below has no gradient for W.
        and not module.base_layer.weight.requires_grad
        and not module.lora_variant
        and not module.lora_bias[names[0]]
        and isinstance(module.lora_dropout[names[0]], nn.Identity)
    )


def _forward(self: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if self.disable_adapters or self.merged or args or kwargs:
        # peft's own, which the instance's hides.
        return type(self).forward(self, x, *args, **kwargs)
    name = self.active_adapters[0]
    x, base = shared_cast(x), self.base_layer
    bias = None if base.bias is None else base.bias.to(x.dtype)
    product = _traced_product if torch.compiler.is_compiling() else _LoraProduct.apply
    return product(
        x, base.weight, bias, self.lora_A[name].weight, self.lora_B[name].weight, self.scaling[name]
    )


def _traced_product(
    x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
) -> Tensor:
    """For a compiler, which derives the same backward pass and keeps the same two tensors."""
    rows, dtype = x.flatten(0, -2), x.dtype
    with torch.autocast(x.device.type, enabled=False):
        wide = nn.functional.linear(rows, weight.to(dtype), bias)
        narrow = rows @ down.to(dtype).t()
        y = torch.addmm(wide, narrow, up.to(dtype).t(), alpha=scale)
    return y.view(*x.shape[:-1], -1)


class _LoraProduct(torch.autograd.Function):
    """Computes in the dtype of x; W and its bias are frozen."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        down: Tensor,
        up: Tensor,
        scale: float,
    ) -> Tensor:
        rows, dtype = x.flatten(0, -2), x.dtype
        with torch.autocast(x.device.type, enabled=False):
            # (rows, r)
            narrow = rows @ down.to(dtype).t()
            y = nn.functional.linear(rows, weight.to(dtype), bias).addmm_(
                narrow, up.to(dtype).t(), alpha=scale
            )
        # W as it is stored: kept in half precision it would be a second copy of the model.
        ctx.save_for_backward(rows, narrow, weight, down, up)
        ctx.scale, ctx.shape = scale, x.shape
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, narrow, weight, down, up = ctx.saved_tensors
        gradient, dtype = gradients[0].flatten(0, -2), rows.dtype
        with torch.autocast(rows.device.type, enabled=False):
            back = ctx.scale * (gradient @ up.to(dtype))  # (rows, r)
            # (out, r)
            for_up = ctx.scale * (gradient.t() @ narrow)
            # (r, in)
            for_down = back.t() @ rows
            for_x = (
                (gradient @ weight.to(dtype)).addmm_(back, down.to(dtype)).view(ctx.shape)
                if ctx.needs_input_grad[0]
                else None
            )
        return for_x, None, None, for_down.to(down.dtype), for_up.to(up.dtype), None
