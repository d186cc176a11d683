"""Matrices of linear layers laid out for a CPU's products once, not at every token.

For the few rows of a decoded batch torch hands a weight to oneDNN or MKL as it lies, and they
reorder it before each product: in bfloat16 that is as long as the product itself. The layouts are
those that torch's own compiler prepares for frozen weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.layout.arithmetic import cpu_multiplies_bf16
from models.memory.lean_layers import is_gated_mlp

ROOM, MOST_BYTES = 0.25, 4e9
"""Of the memory that is free, and at most, what the copies may take; a larger model multiplies its
weights as they lie."""


@contextmanager
def prepacked(model: nn.Module, rows: int) -> Iterator[None]:
    """Within it, the model's linear layers multiply prepared weights: in bfloat16 whatever they are
    given, in float32 `rows` rows.

    Weights must not change meanwhile. They are prepared anew each time: peft and DeepSpeed change
    them in ways that leave no trace to know an old copy by. A model that is not on a CPU, or whose
    copy would not fit, is left as it is.
    """
    changed: list[nn.Module] = []
    try:
        layers = _layers(model)
        # MLPs come first: their gate and up projections are laid out inside them and not once more.
        mlps: list[Any] = [m for m in model.modules() if _can_be_fused(m, layers)]
        for mlp in mlps:
            mlp.forward = partial(
                _gated_in_bfloat16, mlp, _for_onednn(mlp.gate_proj), _for_onednn(mlp.up_proj)
            )
            changed.append(mlp)
            layers = [
                layer for layer in layers if layer is not mlp.gate_proj and layer is not mlp.up_proj
            ]
        for layer in layers:
            layer.forward = _product(layer, rows)  # type: ignore[method-assign, assignment]
            changed.append(layer)
        yield
    finally:
        for module in changed:
            # The instance's hid that of the class, which shows again.
            del module.forward


def _layers(model: nn.Module) -> list[nn.Linear]:
    # Not isinstance: subclasses (peft's, quantised ones) compute more than a product.
    layers = [m for m in model.modules() if type(m) is nn.Linear and _can_be_packed(m)]
    taken = sum(layer.weight.nbytes for layer in layers)
    return layers if taken < min(MOST_BYTES, ROOM * _free_memory()) else []


def _can_be_packed(layer: nn.Linear) -> bool:
    weight = layer.weight
    if (
        weight.device.type != "cpu"
        or not torch.backends.mkldnn.is_available()
        # Patched by somebody else, who does more than multiply.
        or "forward" in vars(layer)
    ):
        return False
    if weight.dtype == torch.float32:
        return torch.backends.mkl.is_available() and hasattr(torch.ops.mkl, "_mkl_linear")
    return (
        weight.dtype == torch.bfloat16
        and cpu_multiplies_bf16()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def _can_be_fused(module: Any, layers: list[nn.Linear]) -> bool:
    """A gated MLP in bfloat16 whose activation oneDNN computes with the product."""
    parts = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
    return (
        type(getattr(module, "act_fn", None)).__name__ in ("SiLU", "SiLUActivation")
        and all(any(part is layer for layer in layers) for part in parts)
        and module.gate_proj.weight.dtype == torch.bfloat16
        and "forward" not in vars(module)
        # Last, as it runs the module to find out.
        and is_gated_mlp(module)
    )


def _free_memory() -> float:
    """0 where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0.0
    # The file says kB and means 1024 bytes.
    return next(
        (1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")), 0.0
    )


def _product(layer: nn.Linear, rows: int) -> Callable[[Tensor], Tensor]:
    bias = layer.bias
    if layer.weight.dtype == torch.bfloat16:
        return partial(_in_bfloat16, _for_onednn(layer), bias)
    return partial(
        _in_float32,
        torch.ops.mkl._mkl_reorder_linear_weight(layer.weight.detach(), rows),
        layer.weight,
        bias,
        rows,
    )


def _for_onednn(layer: nn.Linear) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), None)
    return packed


def _in_bfloat16(packed: Tensor, bias: Tensor | None, x: Tensor) -> Any:
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")


def _gated_in_bfloat16(mlp: Any, gate: Tensor, up: Tensor, x: Tensor) -> Any:
    """Activation and product in the passes that write the matrices' products: rounded once, where
    they were rounded three times.
    """
    active = torch.ops.mkldnn._linear_pointwise(x, gate, mlp.gate_proj.bias, "swish", [], "")
    return mlp.down_proj(
        torch.ops.mkldnn._linear_pointwise.binary(x, active, up, mlp.up_proj.bias, "mul")
    )


def _in_float32(packed: Tensor, weight: Tensor, bias: Tensor | None, rows: int, x: Tensor) -> Any:
    """MKL's layout is for one number of rows; others are multiplied as usual."""
    # Prompts that are admitted, and the rows of a batch that has shrunk.
    if x.numel() != rows * weight.shape[1]:
        return nn.functional.linear(x, weight, bias)
    return torch.ops.mkl._mkl_linear(x, packed, weight, bias, rows)
