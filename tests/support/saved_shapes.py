"""What a forward pass keeps for the backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def saved_shapes() -> Iterator[list[torch.Size]]:
    """The shape of each tensor that autograd keeps within the block, in their order."""
    shapes: list[torch.Size] = []

    def seen(tensor: torch.Tensor) -> torch.Tensor:
        shapes.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(seen, lambda tensor: tensor):
        yield shapes
