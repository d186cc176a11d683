"""Attention over packed rows and its gradients against a dense computation in float64, and no
fall-back to unfused attention.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

from models.layout.blocked_attention import blocked_attention
from models.layout.logps import completion_logps
from models.layout.mask_blocks import sees
from models.layout.packed_attention import _flex
from models.layout.packing import Packed, pack
from models.memory.prepare import prepared_layout
from models.tokens import TokenRow

pytestmark = pytest.mark.gpu
# (rows, tokens of each): under a block of 128, just one, just over, several that are not full,
# many.
LENGTHS = [(2, 40), (1, 128), (2, 75), (5, 160), (11, 300)]
HEADS = [
    (4, 2, 16, torch.float32),
    (9, 3, 64, torch.bfloat16),
    (32, 8, 64, torch.bfloat16),
    (32, 8, 128, torch.bfloat16),
]


def dense(inputs: list[torch.Tensor], packed: Packed) -> torch.Tensor:
    query, key, value = inputs
    places = torch.arange(packed.input_ids.shape[1], device=query.device)
    repeats = query.shape[1] // key.shape[1]
    scores = query @ key.repeat_interleave(repeats, 1).mT * query.shape[-1] ** -0.5
    visible = sees(places[:, None], places[None], packed.subtree_end)
    return scores.masked_fill(~visible, float("-inf")).softmax(-1) @ value.repeat_interleave(
        repeats, 1
    )


@pytest.mark.parametrize(("heads", "groups", "size", "dtype"), HEADS)
@pytest.mark.parametrize(("count", "length"), LENGTHS)
def test_attention_and_gradients_are_those_of_a_dense_float64(
    device: torch.device,
    drawn_rows: Callable[[int, int], list[TokenRow]],
    heads: int,
    groups: int,
    size: int,
    dtype: torch.dtype,
    count: int,
    length: int,
) -> None:
    if device.type == "cpu" and heads > 4 and length > 200:
        pytest.skip("minutes on a CPU, and nothing that shorter rows do not show there")
    packed = pack(drawn_rows(count, length)).to(device)
    tokens = packed.input_ids.shape[1]
    torch.manual_seed(0)
    inputs = [
        torch.randn(1, n, tokens, size, device=device, dtype=dtype, requires_grad=True)
        for n in (heads, groups, groups)
    ]
    attend = _flex if device.type == "cuda" else blocked_attention
    query, key, value = inputs
    out = attend(query, key, value, packed, size**-0.5)
    back = torch.randn_like(out)
    found = [out, *torch.autograd.grad(out, inputs, back)]
    exact_inputs = [tensor.detach().double().requires_grad_() for tensor in inputs]
    exact = dense(exact_inputs, packed)
    wanted = [exact, *torch.autograd.grad(exact, exact_inputs, back.double())]
    limit = 1e-4 if dtype == torch.float32 else 2e-2
    for got, right in zip(found, wanted, strict=True):
        assert (got.double() - right).norm() < limit * right.norm()


@pytest.mark.usefixtures("on_gpu")
def test_every_mode_type_and_length_is_fused(
    device: torch.device,
    made_llama: Callable[..., Any],
    drawn_rows: Callable[[int, int], list[TokenRow]],
) -> None:
    model = made_llama(600).to(device)
    layout = prepared_layout(model, 0, 512)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*flex_attention called without torch.compile.*")
        for half in (False, True):
            for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
                for count, length in LENGTHS:
                    batch = layout(drawn_rows(count, length)).to(device)
                    with mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
                        completion_logps(model, batch)
