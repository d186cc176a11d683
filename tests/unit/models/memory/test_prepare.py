"""A model is changed by `prepare` alone; what lays rows out leaves it as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from models.adapters.wrapping import adapt
from models.config import AdapterConfig
from models.layout.collation import collation
from models.layout.logps import completion_logps
from models.memory.gradient_checkpointing import decoder_layers
from models.memory.prepare import Options, prepare, prepared_layout
from models.tokens import TokenRow

LORA = AdapterConfig(rank=4, alpha=8)


def forwards(model: torch.nn.Module) -> dict[str, Any]:
    """Every module's own forward, where it has one that its class has not."""
    return {name: vars(module).get("forward") for name, module in model.named_modules()}


def test_a_layout_leaves_the_model_as_it_is(tiny_model: Any, rows: list[TokenRow]) -> None:
    attention, before = tiny_model.config._attn_implementation, forwards(tiny_model)
    batch = collation(tiny_model, 0, 128)(rows)
    assert tiny_model.config._attn_implementation == attention
    assert forwards(tiny_model) == before
    with pytest.raises(RuntimeError, match="not prepared for packed rows"):
        completion_logps(tiny_model, batch)


@pytest.mark.parametrize("lean", [False, True])
@pytest.mark.parametrize("recompute", [False, True])
def test_a_prepared_model_computes_what_it_did(
    tiny_model: Any, rows: list[TokenRow], lean: bool, recompute: bool
) -> None:
    model = adapt(tiny_model, LORA, seed=0)
    prepare(model, Options(packed=True))
    batch = collation(model, 0, 128)(rows)
    wanted = completion_logps(model, batch)
    before = forwards(model)
    layout = prepared_layout(model, 0, 128, Options(lean=lean, recompute=recompute))
    assert layout == collation(model, 0, 128)
    assert (forwards(model) != before) == (lean or recompute)
    torch.testing.assert_close(completion_logps(model, batch), wanted)


def test_nothing_is_changed_for_rows_that_are_padded(causal_model: Callable[..., Any]) -> None:
    model = causal_model("bloom", n_head=4)
    attention = model.config._attn_implementation
    assert prepared_layout(model, 0, 128).why_padded
    assert model.config._attn_implementation == attention


@pytest.mark.parametrize(("asked", "packed"), [(True, True), (True, False), (False, True)])
def test_layers_are_compiled_or_keep_less(tiny_model: Any, asked: bool, packed: bool) -> None:
    """Both at once would hide from the compiler what it may compute again."""
    model = adapt(tiny_model, LORA, seed=0)
    prepare(model, Options(lean=True, compiled=asked, packed=packed))
    layer: Any = decoder_layers(model)[0]
    assert ("compiled_layers" in layer.forward.__module__) == (asked and packed)
    assert ("lean_layers" in layer.mlp.forward.__module__) != (asked and packed)
