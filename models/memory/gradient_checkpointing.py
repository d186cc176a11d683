"""Activations computed again in the backward pass instead of being kept: a third more arithmetic
for a fraction of the memory.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from models.adapters.wrapping import unwrapped
from records.errors import ModelError


def decoder_layers(model: Any) -> list[nn.Module]:
    """What transformers itself can compute again or compile one by one; none where the architecture
    has no such parts.
    """
    # Loads what a model needs, which takes seconds.
    from transformers.modeling_layers import GradientCheckpointingLayer  # noqa: PLC0415

    return [
        module
        for module in unwrapped(model).modules()
        if isinstance(module, GradientCheckpointingLayer)
    ]


def recompute_layers(model: Any) -> int:
    """Of each decoder layer only the input is kept; returns how many layers that are.

    Values and gradients stay the same.

    transformers' own switch works in training mode only, which would turn on every dropout that the
    architecture has.
    """
    layers = decoder_layers(model)
    if not layers:
        name = type(unwrapped(model)).__name__
        raise ModelError(
            f"{name} has no layers that can be computed again; set "
            "trainer.gradient_checkpointing=false"
        )
    for layer in layers:
        # Not the reentrant kind: it differentiates only where an input has a gradient, and with a
        # frozen embedding the first layer's has none, so its adapters would not learn.
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)  # type: ignore[method-assign]
    return len(layers)
