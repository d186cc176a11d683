"""Compiled decoder layers: the numbers of plain ones, in few variants, and hands off where they do
not apply.

Graphs are run as they were traced here; what Inductor makes of them is tested in tests/gpu, on a
CPU too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from present import present
from torch._dynamo.testing import CompileCounterWithBackend

from models.adapters.wrapping import unwrapped
from models.layout.collation import collation
from models.layout.logps import per_token_logps
from models.layout.packed_attention import packed_inputs, use_packed_attention
from models.layout.packing import Packed
from models.memory import compiled_layers
from models.memory.compiled_layers import compile_layers, why_not_compiled
from models.memory.fused_lora import fuse_lora
from models.memory.gradient_checkpointing import recompute_layers
from models.memory.lean_layers import keep_less
from models.tokens import TokenRow

CASES = [("full", None), ("lora", torch.bfloat16)]


def rows_of(count: int, length: int) -> list[TokenRow]:
    shared = length // 2
    sides = [0] * shared + [1] * (length - shared)
    return [
        TokenRow([*range(3, 3 + shared), *[20 + i] * (length - shared)], sides, False)
        for i in range(count)
    ]


@pytest.fixture
def compiler(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[str], CompileCounterWithBackend]]:
    """Chooses what traced graphs become; counts them."""

    def chosen(backend: str) -> CompileCounterWithBackend:
        counter = CompileCounterWithBackend(backend)
        made = torch.compile(compiled_layers._plain, dynamic=True, fullgraph=True, backend=counter)
        monkeypatch.setattr(compiled_layers, "_compiled", lambda on_gpu: made)
        return counter

    torch._dynamo.reset()
    yield chosen
    torch._dynamo.reset()


def variants(counter: CompileCounterWithBackend) -> int:
    """Dynamo also hands over a graph that it gives up at once, which is empty."""
    return sum(len(graph.graph.nodes) > 0 for graph in counter.graphs)


def step(
    model: Any, autocast: torch.dtype | None = None, *sizes: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities and every gradient, of batches of (rows, tokens)."""
    use_packed_attention(model)
    layout, logps = collation(model, 0, 128), []
    model.zero_grad()
    for size in sizes or ((3, 40),):
        batch = layout(rows_of(*size))
        with torch.autocast("cpu", autocast, enabled=autocast is not None, cache_enabled=False):
            logps.append(per_token_logps(model, batch)[0])
    torch.cat(logps).float().sum().backward()
    gradients = [p.grad.flatten() for p in model.parameters() if p.requires_grad]
    return torch.cat(logps).detach(), torch.cat(gradients)


@pytest.mark.parametrize(("kind", "autocast"), CASES)
def test_values_and_gradients_are_those_of_plain_layers(
    causal_model: Callable[..., Any],
    adapted: Callable[[Any, str], Any],
    compiler: Callable[[str], CompileCounterWithBackend],
    kind: str,
    autocast: torch.dtype | None,
) -> None:
    model = adapted(causal_model("llama"), kind)
    exact = step(copy.deepcopy(model).double())
    plain = step(model, autocast)
    fuse_lora(model)
    assert compile_layers(model) == 2
    counter = compiler("aot_eager")
    made = step(model, autocast)
    assert counter.frame_count
    for got, right, near in zip(made, exact, plain, strict=True):
        slack = 1e-5 if autocast is None else 1e-2
        assert (got - right).norm() <= 1.2 * (near - right).norm() + slack * right.norm()


def test_layers_lengths_and_modes_share_few_variants(
    causal_model: Callable[..., Any],
    adapted: Callable[[Any, str], Any],
    compiler: Callable[[str], CompileCounterWithBackend],
) -> None:
    """One with gradients, one for the first layer, whose input needs none, and one without."""
    model = adapted(causal_model("llama", num_hidden_layers=4), "lora")
    fuse_lora(model)
    compile_layers(model)
    counter = compiler("aot_eager")
    sizes = ((1, 40), (2, 80), (5, 7))
    step(model, torch.bfloat16, *sizes)
    assert variants(counter) == 2
    layout = collation(model, 0, 128)
    for size in sizes:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            per_token_logps(model, layout(rows_of(*size)))
    assert variants(counter) == 3


def test_gradient_checkpointing_goes_with_it(
    causal_model: Callable[..., Any],
    adapted: Callable[[Any, str], Any],
    compiler: Callable[[str], CompileCounterWithBackend],
) -> None:
    model = adapted(causal_model("llama"), "full")
    wanted = step(model)
    compile_layers(model)
    recompute_layers(model)
    counter = compiler("aot_eager")
    made = step(model)
    assert counter.frame_count
    for got, right in zip(made, wanted, strict=True):
        assert (got - right).norm() <= 1e-5 * right.norm()


def test_a_copy_computes_with_its_own_weights(
    causal_model: Callable[..., Any],
    adapted: Callable[[Any, str], Any],
    compiler: Callable[[str], CompileCounterWithBackend],
) -> None:
    model = adapted(causal_model("llama"), "full")
    compile_layers(model)
    compiler("eager")
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(0.5)
    assert not torch.equal(step(twin)[0], step(model)[0])


def test_no_more_is_kept_for_the_backward_pass_than_by_layers_that_keep_less(
    causal_model: Callable[..., Any],
    adapted: Callable[[Any, str], Any],
    compiler: Callable[[str], CompileCounterWithBackend],
    held: Callable[[Callable[[], torch.Tensor]], int],
) -> None:
    """Of the second layer, so that the embedding and the last norm drop out."""
    kept = {}
    for ready in (keep_less, compile_layers):
        compiler("aot_eager_decomp_partition")
        sizes = []
        for layers in (1, 2):
            model = adapted(causal_model("llama", num_hidden_layers=layers), "lora")
            fuse_lora(model)
            ready(model)
            use_packed_attention(model)
            decoder = unwrapped(model).get_decoder()
            packed = collation(model, 0, 128)(rows_of(2, 80))
            assert isinstance(packed, Packed)
            inputs = packed_inputs(packed, decoder)
            with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
                decoder(**inputs)  # compiled, and the caches of the layout filled
                sizes.append(held(lambda: decoder(**inputs).last_hidden_state))  # noqa: B023  called at once
        kept[ready] = sizes[1] - sizes[0]
    assert kept[compile_layers] <= kept[keep_less]


def test_other_input_goes_through_plain_layers(
    causal_model: Callable[..., Any],
    adapted: Callable[[Any, str], Any],
    compiler: Callable[[str], CompileCounterWithBackend],
) -> None:
    model = adapted(causal_model("llama"), "lora")
    ids = torch.arange(3, 11)[None]
    wanted = model(input_ids=ids).logits
    compile_layers(model)
    counter = compiler("eager")
    assert torch.equal(model(input_ids=ids).logits, wanted)
    assert counter.frame_count == 0


def test_experts_and_models_without_layers_are_left_alone(causal_model: Callable[..., Any]) -> None:
    assert why_not_compiled(causal_model("llama")) is None
    experts = causal_model("mixtral", num_local_experts=2, num_experts_per_tok=1)
    assert "gated MLP" in present(why_not_compiled(experts))
    assert "no layers" in present(why_not_compiled(causal_model("llama", num_hidden_layers=0)))


def test_what_cannot_be_traced_is_an_error_and_no_slower_pass(
    causal_model: Callable[..., Any],
    adapted: Callable[[Any, str], Any],
    compiler: Callable[[str], CompileCounterWithBackend],
) -> None:
    model = adapted(causal_model("llama"), "full")
    keep_less(model)  # its MLP asks where in memory a tensor lies
    compile_layers(model)
    compiler("eager")
    with pytest.raises(torch._dynamo.exc.Unsupported):
        step(model)
