"""Norms and MLPs that keep less: the same values, the same gradients, and really less."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers.activations import ACT2FN

from models.memory.fused_lora import fuse_lora
from models.memory.lean_layers import keep_less

IDS = torch.arange(3, 51).view(3, 16)
LAYERS = 2


def logits_and_gradients(
    model: Any, autocast: torch.dtype | None
) -> tuple[torch.Tensor, torch.Tensor]:
    model.zero_grad()
    with torch.autocast("cpu", autocast) if autocast else contextlib.nullcontext():
        logits = model(input_ids=IDS).logits
    (logits.float() * torch.linspace(-1, 1, logits.shape[-1])).sum().backward()
    return logits.detach(), torch.cat(
        [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    )


@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
@pytest.mark.parametrize("adapter", ["full", "lora"])
@pytest.mark.parametrize(
    ("kind", "switched"),
    # norms: two a layer and the last, in qwen3 two more for queries and keys; phi3 projects gate
    # and up at once, gemma's norm adds one to its weight
    [
        ("llama", 3 * LAYERS + 1),
        ("qwen3", 5 * LAYERS + 1),
        ("mistral", 3 * LAYERS + 1),
        ("phi3", 2 * LAYERS + 1),
        ("gemma", LAYERS),
        ("gpt2", 0),
    ],
)
def test_values_are_the_same_to_the_bit_and_gradients_to_rounding(
    causal_model: Callable[..., Any],
    adapted: Callable[[Any, str], Any],
    kind: str,
    switched: int,
    adapter: str,
    autocast: torch.dtype | None,
) -> None:
    model = adapted(causal_model(kind), adapter)
    fuse_lora(model)
    wanted, gradient = logits_and_gradients(model, autocast)
    assert keep_less(model) == switched
    got, lean = logits_and_gradients(model, autocast)
    assert torch.equal(got, wanted)
    assert (lean - gradient).norm() <= (1e-2 if autocast else 1e-6) * gradient.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_norm_that_rounds_elsewhere_stays(
    causal_model: Callable[..., Any], dtype: torch.dtype
) -> None:
    """OLMo 2 multiplies by the weight before it rounds; with weights in float32 that shows in half
    precision only.
    """
    model = causal_model("olmo2").to(dtype)
    assert keep_less(model) == LAYERS


@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_less_memory_is_held_after_the_forward_pass(
    causal_model: Callable[..., Any],
    adapted: Callable[[Any, str], Any],
    held: Callable[[Callable[[], torch.Tensor]], int],
    adapter: str,
) -> None:
    model = adapted(causal_model("llama", intermediate_size=256), adapter)
    fuse_lora(model)
    before = held(lambda: model(input_ids=IDS).logits)
    keep_less(model)
    assert held(lambda: model(input_ids=IDS).logits) < 0.75 * before


def test_what_is_held_by_the_mlp_is_its_gate_and_its_up_projection(
    tiny_model: Any, held: Callable[[Callable[[], torch.Tensor]], int]
) -> None:
    """By hand: a token keeps I numbers of each, and nothing else that is as wide."""
    mlp = tiny_model.model.layers[0].mlp
    assert keep_less(tiny_model) > 0
    x = torch.randn(1, 100, mlp.hidden_size, requires_grad=True)
    width, out = mlp.gate_proj.out_features, mlp.hidden_size
    assert held(lambda: mlp(x)) == 4 * 100 * (2 * width + out)


@pytest.mark.parametrize("activation", ["silu", "gelu_pytorch_tanh"])
def test_gradients_in_double_precision_are_exact(
    causal_model: Callable[..., Any], activation: str
) -> None:
    model = causal_model("llama", hidden_act=activation).double()
    mlp = model.model.layers[0].mlp
    assert isinstance(mlp.act_fn, type(ACT2FN[activation]))
    keep_less(model)
    x = torch.randn(2, 3, mlp.hidden_size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: mlp(x), (x, *mlp.parameters()))


def test_no_random_number_is_drawn_and_nothing_is_trained(tiny_model: Any) -> None:
    before, weights = torch.get_rng_state(), [p.clone() for p in tiny_model.parameters()]
    keep_less(tiny_model)
    assert torch.equal(before, torch.get_rng_state())
    assert all(
        torch.equal(a, b) and a.grad is None
        for a, b in zip(tiny_model.parameters(), weights, strict=True)
    )


def test_a_frozen_model_answers_as_before(tiny_model: Any) -> None:
    with torch.no_grad():
        wanted = tiny_model(input_ids=IDS).logits
        keep_less(tiny_model)
        assert torch.equal(tiny_model(input_ids=IDS).logits, wanted)
