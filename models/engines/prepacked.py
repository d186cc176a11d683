"""Matrices of linear layers laid out for a CPU's products once, not at every token.

For the few rows of a decoded batch torch hands a weight to oneDNN or MKL as it lies, and they reorder it before each product: in
bfloat16 that is as long as the product itself. The layouts are those that torch's own compiler prepares for frozen weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from models.layout.arithmetic import cpu_multiplies_bf16
from models.memory.lean_layers import is_gated_mlp

ROOM = 0.25
"""Of the memory that is free, which the copies may take; a larger model multiplies its weights as they lie."""


class Packed(NamedTuple):
    weight: Tensor  # opaque to all but its own product
    of: tuple[int, int, int]  # the weight that it was made of, and the rows that it is for


def _for_onednn(weight: Tensor, rows: int | None) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight, rows)


_packed: WeakKeyDictionary[nn.Module, Packed] = WeakKeyDictionary()


@contextmanager
def prepacked(model: nn.Module, rows: int) -> Iterator[None]:
    """Within it, the model's linear layers multiply prepared weights: in bfloat16 whatever they are given, in float32 `rows` rows.

    Weights must not change meanwhile. A model that is not on a CPU, or that two copies of would not fit, is left as it is.
    """
    changed: list[nn.Module] = []
    try:
        layers = _layers(model)
        for mlp in [m for m in model.modules() if _can_be_fused(m, layers)]:
            mlp.forward = _fused(mlp)
            changed.append(mlp)
        for layer in layers:
            layer.forward = _product(layer, rows)  # type: ignore[method-assign, assignment]
            changed.append(layer)
        yield
    finally:
        for module in changed:
            del module.forward


def _layers(model: nn.Module) -> list[nn.Linear]:
    layers = [m for m in model.modules() if type(m) is nn.Linear and _can_be_packed(m)]
    return layers if sum(layer.weight.nbytes for layer in layers) < ROOM * _free_memory() else []


def _can_be_packed(layer: nn.Linear) -> bool:
    weight = layer.weight
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available() or "forward" in vars(layer):
        return False
    if weight.dtype == torch.float32:
        return torch.backends.mkl.is_available() and hasattr(torch.ops.mkl, "_mkl_linear")
    return weight.dtype == torch.bfloat16 and cpu_multiplies_bf16() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _can_be_fused(module: Any, layers: list[nn.Linear]) -> bool:
    """A gated MLP in bfloat16 whose activation oneDNN computes with the product."""
    parts = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
    return (
        type(getattr(module, "act_fn", None)).__name__ in ("SiLU", "SiLUActivation")
        and all(any(part is layer for layer in layers) for part in parts)
        and module.gate_proj.weight.dtype == torch.bfloat16
        and "forward" not in vars(module)
        and is_gated_mlp(module)
    )


def _free_memory() -> float:
    with open("/proc/meminfo") as file:
        return next(1024.0 * int(line.split()[1]) for line in file if line.startswith("MemAvailable"))


def _product(layer: nn.Linear, rows: int) -> Callable[[Tensor], Tensor]:
    bias = layer.bias
    if layer.weight.dtype == torch.bfloat16:
        return partial(_in_bfloat16, _weight(layer, 0, _for_onednn), bias)
    return partial(_in_float32, _weight(layer, rows, torch.ops.mkl._mkl_reorder_linear_weight), layer.weight, bias, rows)


def _weight(layer: nn.Linear, rows: int, pack: Callable[..., Tensor]) -> Tensor:
    """Made once for as long as the layer has this weight."""
    wanted = layer.weight.data_ptr(), _version(layer.weight), rows
    known = _packed.get(layer)
    if known is None or known.of != wanted:
        with torch.no_grad():
            known = _packed[layer] = Packed(pack(layer.weight.detach(), rows or None), wanted)
    return known.weight


def _version(weight: Tensor) -> int:
    return 0 if weight.is_inference() else weight._version


def _in_bfloat16(packed: Tensor, bias: Tensor | None, x: Tensor) -> Any:
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")


def _fused(mlp: Any) -> Callable[[Tensor], Tensor]:
    return partial(_gated_in_bfloat16, mlp, *(_weight(layer, 0, _for_onednn) for layer in (mlp.gate_proj, mlp.up_proj)))


def _gated_in_bfloat16(mlp: Any, gate: Tensor, up: Tensor, x: Tensor) -> Any:
    """Activation and product in the passes that write the matrices' products: rounded once, where they were rounded three times."""
    active = torch.ops.mkldnn._linear_pointwise(x, gate, mlp.gate_proj.bias, "swish", [], "")
    return mlp.down_proj(torch.ops.mkldnn._linear_pointwise.binary(x, active, up, mlp.up_proj.bias, "mul"))


def _in_float32(packed: Tensor, weight: Tensor, bias: Tensor | None, rows: int, x: Tensor) -> Any:
    """MKL's layout is for one number of rows; others are multiplied as usual."""
    if x.numel() != rows * weight.shape[1]:
        return nn.functional.linear(x, weight, bias)
    return torch.ops.mkl._mkl_linear(x, packed, weight, bias, rows)
