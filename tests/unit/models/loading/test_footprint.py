"""Memory estimates: counts against real models, shares worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from models.adapters.trained import trainable_state
from models.adapters.wrapping import adapt, unwrapped
from models.config import AdapterConfig, ModelConfig
from models.layout.mask_blocks import block_mask, mask_blocks
from models.layout.packed_attention import packed_inputs
from models.layout.packing import Packed
from models.loading.footprint import (
    Shape,
    layer_bytes,
    layout_bytes,
    shape_from,
    shape_of,
    training_bytes,
)
from models.memory.fused_lora import fuse_lora
from models.memory.lean_layers import keep_less
from models.memory.prepare import prepared_layout
from models.tokens import TokenRow

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

SHAPE = Shape(
    parameters=1000,
    trained=100,
    layers=2,
    hidden=10,
    intermediate=20,
    queries=10,
    keys=5,
    vocabulary=50,
    positions=64,
)


@pytest.mark.parametrize(
    "adapter",
    [
        AdapterConfig(kind="full"),
        AdapterConfig(rank=4),
        AdapterConfig(rank=3, target_modules="q_proj, down_proj"),
    ],
)
def test_counts_are_those_of_the_real_model(
    adapter: AdapterConfig, tiny_model: Any, tiny_directory: Path
) -> None:
    parameters = sum(p.numel() for p in tiny_model.parameters())
    adapted = adapt(tiny_model, adapter, seed=0)
    shape = shape_of(ModelConfig(path=str(tiny_directory)), adapter)
    assert shape.parameters == parameters
    assert shape.trained == sum(tensor.numel() for tensor in trainable_state(adapted).values())


def test_a_seven_billion_llama_has_its_known_size() -> None:
    from transformers import LlamaConfig

    shape = shape_from(LlamaConfig(), AdapterConfig(rank=16))
    assert shape.parameters == 6_738_415_616  # as Llama 2 7B's model card counts
    assert shape.trained == 16 * 32 * (4 * (4096 + 4096) + 3 * (4096 + 11008))


def parts_of(stage: int, ranks: int, shape: Shape = SHAPE) -> dict[str, float]:
    return training_bytes(
        shape,
        weight_bytes=2,
        matrix_bytes=2,
        zero_stage=stage,
        ranks=ranks,
        tokens=8,
        checkpointing=False,
    )


@pytest.mark.parametrize(
    ("stage", "weights", "gradients", "optimiser"),
    [(0, 2400, 400, 800), (1, 2400, 400, 300), (2, 2400, 100, 300), (3, 600, 100, 300)],
)
def test_zero_shards_optimiser_then_gradients_then_weights(
    stage: int, weights: int, gradients: int, optimiser: int
) -> None:
    """1000 weights of 2 bytes and 100 trained ones of 4; 4 ranks; 8 bytes of moments and, under
    ZeRO, a copy of 4.
    """
    parts = parts_of(stage, 4)
    assert (parts["weights"], parts["gradients"], parts["optimiser"]) == (
        weights,
        gradients,
        optimiser,
    )


def test_activations_by_hand() -> None:
    """A layer: (2 2 + 2 2) 10 + 2 (2 10 + 2 5 + 2 20) = 220 bytes a token, and half as much again
    in use; in ZeRO-3 and under checkpointing 2 (8 + 2 + 2) 10 + 2 (2 10 + 2 5 + 4 20) = 460; 2
    layers, 8 tokens."""
    assert parts_of(0, 1)["activations"] == 8 * 2 * 220 * 1.5
    assert parts_of(3, 1)["activations"] == 8 * 2 * 460
    checkpointed = training_bytes(
        SHAPE, weight_bytes=2, matrix_bytes=2, zero_stage=0, ranks=1, tokens=8, checkpointing=True
    )
    assert checkpointed["activations"] == 8 * (2 * 10 * 2 + 460)


def test_full_training_under_autocast_keeps_a_copy_of_every_weight_it_multiplies() -> None:
    full = replace(SHAPE, trained=SHAPE.parameters)

    def copies(
        shape: Shape, weight_bytes: int, matrix_bytes: int, checkpointing: bool = False
    ) -> float:
        common: dict[str, Any] = {
            "zero_stage": 0,
            "ranks": 1,
            "tokens": 8,
            "checkpointing": checkpointing,
        }
        return training_bytes(
            shape, weight_bytes=weight_bytes, matrix_bytes=matrix_bytes, **common
        )["half copies"]

    assert copies(full, 4, 2) == 2 * full.parameters
    assert copies(full, 4, 2, checkpointing=True) == 2 * full.parameters / full.layers
    assert copies(full, 4, 4) == copies(full, 2, 2) == copies(SHAPE, 4, 2) == 0


@pytest.mark.parametrize("tokens", [4096, 32_768])
def test_the_layout_of_a_packed_row_is_counted_and_stays_far_below_a_square_of_its_tokens(
    tokens: int,
) -> None:
    ends = torch.arange(1, tokens + 1)
    held = sum(
        table.numel() * table.itemsize for table in kept_by(block_mask(mask_blocks(ends), ends))
    )
    assert held + 8 * tokens < layout_bytes(tokens) < tokens**2 / 50


def kept_by(mask: BlockMask) -> list[torch.Tensor]:
    return [value for value in vars(mask).values() if isinstance(value, torch.Tensor)]


@pytest.mark.parametrize(
    ("stored", "autocast"),
    [(torch.float32, None), (torch.float32, torch.bfloat16), (torch.bfloat16, torch.bfloat16)],
)
@pytest.mark.parametrize("kind", ["lora", "full"])
def test_what_a_layer_keeps_is_what_torch_allocates(
    causal_model: Callable[..., Any],
    held: Callable[[Callable[[], torch.Tensor]], int],
    kind: str,
    stored: torch.dtype,
    autocast: torch.dtype | None,
) -> None:
    """Two layers less one, so that the embedding and the last norm drop out.

    LoRA's narrow products and the norms' scales come on top.
    """
    adapter = AdapterConfig(kind=kind, rank=1, alpha=1)
    sizes = {
        "hidden_size": 96,
        "intermediate_size": 160,
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        "head_dim": 16,
    }
    one, two = (
        adapt(causal_model("llama", num_hidden_layers=n, **sizes).to(stored), adapter, seed=0)
        for n in (1, 2)
    )
    shape = shape_from(two.config, adapter)
    reckoned = layer_bytes(
        shape, weight_bytes=stored.itemsize, matrix_bytes=2 if autocast else 4, lean=True
    )
    extra = 2 * 4 + (7 * (2 if autocast else 4) if kind == "lora" else 0)
    assert (
        held_per_token(held, two, autocast) - held_per_token(held, one, autocast)
        == reckoned + extra
    )


def held_per_token(
    held: Callable[[Callable[[], torch.Tensor]], int],
    model: Any,
    autocast: torch.dtype | None,
    tokens: int = 100,
) -> float:
    fuse_lora(model)
    keep_less(model)
    packed = prepared_layout(model, 0, 128)(
        [TokenRow([i % 50 + 3 for i in range(tokens)], [0] * (tokens - 1) + [1], False)]
    )
    assert isinstance(packed, Packed)
    with torch.autocast("cpu", autocast, enabled=autocast is not None):
        unwrapped(model)(
            **packed_inputs(packed, unwrapped(model))
        )  # fills the caches of the layout
        return (
            held(
                lambda: (
                    unwrapped(model)
                    .get_decoder()(**packed_inputs(packed, unwrapped(model)))
                    .last_hidden_state
                )
            )
            / tokens
        )
