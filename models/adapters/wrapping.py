"""A model made trainable, and the plain model again, whatever the adapter."""

from __future__ import annotations

from typing import Any

import torch

from models.adapters.contract import Adapter
from models.adapters.registry import adapter_of
from models.config import AdapterConfig

_MARK = "primum_adapter"
"""The attribute of a wrapped model that holds its adapter."""


def adapt(model: Any, config: AdapterConfig, *, seed: int, task_type: str = "CAUSAL_LM") -> Any:
    """The model made trainable by the adapter that the config names; see `Adapter.wrap`."""
    adapter = adapter_of(config)
    wrapped = adapter.wrap(model, seed=seed, task_type=task_type)
    setattr(wrapped, _MARK, adapter)
    return wrapped


def adapter_on(model: Any) -> Adapter:
    """What `adapt` wrapped a model by; of a model that it did not wrap, what the model's class
    says.
    """
    # Not getattr: a PeftModel hands unknown names on to the model in it, whose mark would be of an
    # earlier wrapping.
    known: Adapter | None = vars(model).get(_MARK)
    return known or adapter_of(AdapterConfig(kind="lora" if is_adapted(model) else "full"))


def merge(model: Any, dtype: torch.dtype | None = None) -> Any:
    """The same policy without adapter modules, in evaluation mode: faster to generate from, and
    what gets exported.

    Consumes its argument.
    """
    plain = adapter_on(model).merge(model)
    plain.requires_grad_(False)
    return (plain if dtype is None else plain.to(dtype)).eval()


def is_adapted(model: Any) -> bool:
    """Whether `model` is peft's: known by the name of its classes, so that a model without adapters
    needs no peft.
    """
    return any(kind.__name__ == "PeftModel" for kind in type(model).__mro__)


def unwrapped(model: Any) -> Any:
    """The Hugging Face model inside a PeftModel; adapter layers stay in it and stay active."""
    return model.get_base_model() if is_adapted(model) else model
