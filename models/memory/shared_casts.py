"""What linear layers read, in autocast's type, once for all of them.

Autocast gives each linear layer a copy of its input in half precision, which the layer keeps for
the backward pass: three of one norm's output for queries, keys and values, two of the other's for
gate and up. Here they read one copy. Values are the same to the bit; the layers' gradients for it
are summed in half precision, as they are where weights are stored in it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.layout.arithmetic import autocast_dtype

_KNOWN = "primum_cast"


def share_casts(model: nn.Module) -> None:
    """Let the model's linear layers read shared copies."""
    for module in model.modules():
        if type(module) is nn.Linear:
            module.register_forward_pre_hook(_read_shared)


def shared_cast(x: Tensor) -> Tensor:
    """x as autocast would hand it to a linear layer: the same tensor for everyone who asks while x
    lives.
    """
    dtype = autocast_dtype(x.device.type)
    # Double precision is what autocast leaves alone.
    if dtype is None or not x.is_floating_point() or x.dtype in (dtype, torch.float64):
        return x
    # A compiler makes equal casts one. Without gradients nothing is kept; and a leaf, which its
    # cast's graph holds, would never go.
    if torch.compiler.is_compiling() or not torch.is_grad_enabled() or x.grad_fn is None:
        return x.to(dtype)
    known = getattr(x, _KNOWN, None)
    if known is None or known[0] != (dtype, x._version):
        known = ((dtype, x._version), x.to(dtype))
        setattr(x, _KNOWN, known)
    return known[1]


def _read_shared(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(shared_cast(arg) if isinstance(arg, Tensor) else arg for arg in args)
