"""Activations computed again in the backward pass instead of being kept: a third more arithmetic
for a fraction of the memory.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch.utils.checkpoint import checkpoint

from models.adapters.wrapping import unwrapped
from records.errors import ModelError


def recompute_layers(model: Any) -> int:
    """Of each decoder layer only the input is kept; returns how many layers that are.

    Values and gradients stay the same.

    transformers' own switch works in training mode only, which would turn on every dropout that the
    architecture has.
    """
    # Loads what a model needs, which takes seconds.
    from transformers.modeling_layers import GradientCheckpointingLayer  # noqa: PLC0415

    layers = [
        module
        for module in unwrapped(model).modules()
        if isinstance(module, GradientCheckpointingLayer)
    ]
    if not layers:
        name = type(unwrapped(model)).__name__
        raise ModelError(
            f"{name} has no layers that can be computed again; set "
            "trainer.gradient_checkpointing=false"
        )
    for layer in layers:
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
    return len(layers)
