"""What training a model takes, from its config alone: no weight is read.

Per rank, in bytes; P = all parameters, T = trained ones, W = ranks, n = tokens of a micro-batch, b
= bytes of a stored weight, s = bytes of what matrices are multiplied in, L layers, h hidden, i
intermediate, q and k widths of queries and keys:

    weights       b P              / W in ZeRO-3
    gradients     4 T              / W from ZeRO-2 on
    optimiser     8 T + 4 T copy   / W from ZeRO-1 on; without ZeRO there is no copy
    activations   1.5 n L (2 (b + s) h + s (2 q + 2 k + 2 i)) (models/memory/lean_layers.py); in
    ZeRO-3, which keeps more,
                  n L (2 (8 + s + b) h + s (2 q + 2 k + 4 i)); with gradient checkpointing n h b L
                  and one such layer
    half copies   s T of the trained weights where s is under b and there is no adapter: autocast's,
    kept until the backward pass has read
                  them; with gradient checkpointing those of one layer
    layout        of packed rows: 60 n, and 45 bytes a pair of blocks of 128 tokens
    (models/layout/mask_blocks.py)
    head          a block of logits (models/layout/head_logps.py) in 4 + s, and 4 n h of their
    gradient; in ZeRO-3 512 rows of logits in 4 + 4 + s

What the allocator, the libraries and the collectives take comes on top (OVERHEAD). docs/memory.md
compares this with measured peaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from models.adapters.registry import adapter_of
from models.config import AdapterConfig, ModelConfig
from models.layout.head_logps import AT_ONCE, CHUNK_TOKENS, words_at_once
from models.layout.mask_blocks import BLOCK, BYTES_A_PAIR
from models.loading.load import DTYPES, architecture_of

GB = 1e9
OVERHEAD = 1.1
SCRATCH = 1.5
"""What a backward pass holds at its peak, gaps between blocks of memory included, for each byte
that was kept for it. Measured on a CPU, OVERHEAD taken off: 1.0 to 1.6 in bfloat16, 0.8 to 1.1 in
float32 with huge pages (docs/memory.md)."""
GPU_CONTEXT = 1.5e9
LAYOUT_BYTES_A_TOKEN = 60
"""Seven tables of eight bytes, most with an entry a token of the rows before packing, and what
there is a row."""
COPY_SHARE = 0.6
"""Of a GPU's memory that weights may fill where a policy answers; the rest is for the cache and
what a step takes."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a decoder."""

    parameters: int
    trained: int
    layers: int
    hidden: int
    intermediate: int
    queries: int  # heads times their size
    keys: int
    vocabulary: int
    positions: int


def shape_of(model: ModelConfig, adapter: AdapterConfig) -> Shape:
    """Built on the meta device, where tensors have sizes and no contents."""
    return shape_from(architecture_of(model), adapter, trust_remote_code=model.trust_remote_code)


def shape_from(config: Any, adapter: AdapterConfig, *, trust_remote_code: bool = False) -> Shape:
    """What memory depends on, from a model's config, without reading a weight."""
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    text = config.get_text_config()
    parameters = sum(p.numel() for p in network.parameters())
    head_size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return Shape(
        parameters=parameters,
        trained=adapter_of(adapter).count(network),
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        queries=head_size * text.num_attention_heads,
        keys=head_size * (getattr(text, "num_key_value_heads", None) or text.num_attention_heads),
        vocabulary=text.vocab_size,
        positions=getattr(text, "max_position_embeddings", 0) or 0,
    )


def training_bytes(
    shape: Shape,
    *,
    weight_bytes: int,
    matrix_bytes: int,
    zero_stage: int,
    ranks: int,
    tokens: int,
    checkpointing: bool,
) -> dict[str, float]:
    """Peak of one rank while a policy trains, by what takes it. `zero_stage` 0 is no sharding."""
    lora = shape.trained < shape.parameters

    def share(stage: int) -> int:
        return ranks if zero_stage >= stage else 1

    lean = zero_stage < 3 and not checkpointing
    layer = layer_bytes(shape, weight_bytes=weight_bytes, matrix_bytes=matrix_bytes, lean=lean) * (
        SCRATCH if lean else 1
    )
    kept = (
        tokens * (shape.layers * shape.hidden * weight_bytes + layer)
        if checkpointing
        else tokens * shape.layers * layer
    )
    return {
        "weights": (
            (weight_bytes * shape.parameters + (4 * shape.trained if lora else 0)) / share(3)
        ),
        "gradients": 4 * shape.trained / share(2),
        "optimiser": (8 + (4 if zero_stage else 0)) * shape.trained / share(1),
        "half copies": (
            0.0
            # Autocast's copy of a frozen matrix is made for its product and not kept.
            if lora or matrix_bytes >= weight_bytes
            else matrix_bytes * shape.trained / (shape.layers if checkpointing else 1)
        ),
        "activations": kept,
        "layout": layout_bytes(tokens),
        "head": (
            _logits_bytes(shape, matrix_bytes, tokens, sharded=zero_stage == 3)
            + 4 * tokens * shape.hidden
        ),
    }


def layout_bytes(tokens: int) -> float:
    """Of a packed row's places and masks on a GPU."""
    return LAYOUT_BYTES_A_TOKEN * tokens + BYTES_A_PAIR * (tokens / BLOCK) ** 2


def _logits_bytes(shape: Shape, matrix_bytes: int, tokens: int, *, sharded: bool) -> int:
    if sharded:
        return CHUNK_TOKENS * shape.vocabulary * (8 + matrix_bytes)
    at_once = min(tokens, AT_ONCE["cuda"][0])
    words = min(shape.vocabulary, words_at_once("cuda", at_once))
    return at_once * words * (4 + matrix_bytes)


def layer_bytes(shape: Shape, *, weight_bytes: int, matrix_bytes: int, lean: bool) -> int:
    """What a layer keeps of a token for its backward pass, beside the narrow products of LoRA;
    `lean` after models/memory/lean_layers.py.
    """
    attention = matrix_bytes * (2 * shape.queries + 2 * shape.keys)
    if not lean:
        return (
            2 * (8 + matrix_bytes + weight_bytes) * shape.hidden
            + attention
            + 4 * matrix_bytes * shape.intermediate
        )
    return (
        2 * (weight_bytes + matrix_bytes) * shape.hidden
        + attention
        + 2 * matrix_bytes * shape.intermediate
    )


def measuring_bytes(
    shape: Shape, *, reward_layers: int | None, rows: int, tokens: int, whole_copy: bool
) -> dict[str, float]:
    """What measuring a policy takes beside the weights and optimiser states of its training, all in
    16 bits: a merged copy that answers (a sharded policy answers as it stands), its cache for
    `rows` completions of `tokens` with their prompts, and the reward model."""
    # One table of words is taken off; a head of its own stays in and makes layers a little large.
    layers = (shape.parameters - shape.vocabulary * shape.hidden) / shape.layers
    kept = shape.layers if reward_layers is None else reward_layers
    return {
        "copy": 2.0 * shape.parameters if whole_copy else 0.0,
        # Keys and values, two bytes each.
        "cache": 2 * 2.0 * rows * tokens * shape.layers * shape.keys,
        "reward model": 2 * (shape.vocabulary * shape.hidden + kept * layers),
    }


def peak_bytes(parts: dict[str, float]) -> float:
    """The sum of all parts, and what allocators waste."""
    return OVERHEAD * sum(parts.values())


def checkpoint_bytes(shape: Shape) -> float:
    """A resumable checkpoint: trained weights and two moments, in float32."""
    # 4 bytes of a weight and 8 of its two moments.
    return 12 * shape.trained


def policy_bytes(shape: Shape, model: ModelConfig) -> float:
    """An exported policy directory."""
    return shape.parameters * DTYPES[model.dtype].itemsize
