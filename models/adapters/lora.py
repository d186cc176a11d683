"""Low-rank adapters through peft, and the model without them."""

from __future__ import annotations

from typing import Any

import torch

from models.config import AdapterConfig
from records.errors import ModelError


def adapt(model: Any, config: AdapterConfig, *, seed: int, task_type: str = "CAUSAL_LM") -> Any:
    """The model made trainable: wrapped in LoRA, or as it is for full training.

    LoRA starts as the identity (B = 0), so an adapted policy equals its base until the first step,
    and DPO's loss is ln 2. Dropout is off, as in TRL: policy and reference see the same network.
    """
    if config.kind == "full":
        model.requires_grad_(True)
        return model
    # Costs seconds, and only trainings need it.
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415

    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        target_modules=_targets(config),
        lora_dropout=0.0,
        task_type=task_type,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return get_peft_model(model, lora)
        except ValueError as error:
            raise ModelError(
                f"{type(model).__name__} takes no LoRA layers at "
                f"target_modules={config.target_modules!r}: {error}; name its linear layers there, "
                "or train all weights with kind: full"
            ) from error


def _targets(config: AdapterConfig) -> str | list[str]:
    names = config.target_modules
    return names if names == "all-linear" else [name.strip() for name in names.split(",")]


def trainable_state(model: Any) -> dict[str, torch.Tensor]:
    """The tensors that training changes, by name; a LoRA checkpoint needs no frozen weights."""
    return {
        name: parameter.detach()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def load_trainable_state(model: Any, state: dict[str, torch.Tensor]) -> None:
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in state.items():
            parameters[name].copy_(value)


def merge(model: Any, dtype: torch.dtype | None = None) -> Any:
    """The same policy without adapter modules, in evaluation mode: faster to generate from, and
    what gets exported.

    Consumes its argument.
    """
    plain = model.merge_and_unload() if is_adapted(model) else model
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
