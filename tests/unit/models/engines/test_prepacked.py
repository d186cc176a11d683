"""Prepared weights multiply as the layer does, are made once, and are made again when the weight
changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from models.engines import prepacked as module
from models.engines.prepacked import prepacked
from models.layout.arithmetic import cpu_multiplies_bf16

DTYPES = [
    torch.float32,
    pytest.param(
        torch.bfloat16,
        marks=pytest.mark.skipif(not cpu_multiplies_bf16(), reason="needs a CPU with bfloat16"),
    ),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_products_are_the_layers_own(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(96, 160, bias=bias).to(dtype)
    for shape in ((8, 96), (8, 1, 96), (3, 5, 96)):
        x = torch.randn(shape).to(dtype)
        wanted = layer(x)
        with prepacked(nn.Sequential(layer), rows=8):
            assert "forward" in vars(layer)
            got = layer(x)
        close = 1e-5 if dtype == torch.float32 else 2e-2
        torch.testing.assert_close(got, wanted, rtol=close, atol=close)
    assert "forward" not in vars(layer)


@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_a_weight_that_changed_without_a_trace_is_multiplied_as_it_is_now(
    dtype: torch.dtype,
) -> None:
    """As peft merges an adapter: in place, past the version that torch counts."""
    layer = nn.Linear(32, 32, bias=False).to(dtype)
    x = torch.ones(4, 32, dtype=dtype)
    for _ in range(2):
        with prepacked(nn.Sequential(layer), rows=4):
            torch.testing.assert_close(layer(x), x @ layer.weight.T, rtol=2e-2, atol=2e-2)
        layer.weight.data.mul_(2)


def test_nothing_is_prepared_where_a_second_copy_would_not_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = nn.Linear(32, 32)
    monkeypatch.setattr(module, "_free_memory", lambda: 4 * 32 * 32)
    with prepacked(nn.Sequential(layer), rows=4):
        assert "forward" not in vars(layer)


@pytest.mark.skipif(not cpu_multiplies_bf16(), reason="needs a CPU with bfloat16")
@torch.inference_mode()
def test_a_gated_mlp_in_bfloat16_is_nearer_to_float64_than_the_layers_own(
    causal_model: Callable[..., Any],
) -> None:
    mlp = causal_model("llama", hidden_size=96, intermediate_size=160).model.layers[0].mlp
    x = torch.randn(8, 1, 96, generator=torch.Generator().manual_seed(0))
    mlp = mlp.to(torch.bfloat16)
    x = x.to(torch.bfloat16)
    own = mlp(x).double()
    gate, up, down = (
        layer.weight.double() for layer in (mlp.gate_proj, mlp.up_proj, mlp.down_proj)
    )
    exact = (nn.functional.silu(x.double() @ gate.T) * (x.double() @ up.T)) @ down.T
    with prepacked(mlp, rows=8):
        assert "forward" in vars(mlp)
        fused = mlp(x).double()
    assert (fused - exact).norm() <= 1.05 * (own - exact).norm()
