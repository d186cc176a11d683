"""Trained tensors by name: those of a model that take gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def trainable_state(model: Any) -> dict[str, Tensor]:
    """The tensors that training changes, by name; a LoRA checkpoint needs no frozen weights."""
    found: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            found[name] = parameter.detach()
    return found


def load_trainable_state(model: Any, state: dict[str, Tensor]) -> None:
    """Copy such tensors into a model of the same names.

    Raises KeyError for a name that it has not.
    """
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in state.items():
            # Into the storage that is there: optimisers and tied weights hold it, and would go on
            # with the old tensor.
            parameters[name].copy_(value)
