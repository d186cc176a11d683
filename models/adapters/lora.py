"""Low-rank adapters through peft."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.adapters.trained import load_trainable_state, trainable_state
from models.config import AdapterConfig
from records.errors import ModelError


@dataclass(frozen=True)
class Lora:
    """See `models.adapters.contract.Adapter`.

    B starts at zero, so the adapted model equals its base.

    Dropout is off, as in TRL: policy and reference see the same network.
    """

    config: AdapterConfig
    keeps_base = True

    def wrap(self, model: Any, *, seed: int, task_type: str) -> Any:
        """The model with adapter layers, which the seed alone decides."""
        # Costs seconds, and only trainings need it.
        from peft import LoraConfig, get_peft_model  # noqa: PLC0415

        lora = LoraConfig(
            r=self.config.rank,
            lora_alpha=self.config.alpha,
            target_modules=_targets(self.config),
            lora_dropout=0.0,
            task_type=task_type,
        )
        # The caller's draws stay what they were, with an adapter or without.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            try:
                return get_peft_model(model, lora)
            except ValueError as error:
                raise ModelError(
                    f"{type(model).__name__} takes no LoRA layers at "
                    f"target_modules={self.config.target_modules!r}: {error}; name its linear "
                    "layers there, or train all weights with kind: full"
                ) from error

    def state(self, model: Any) -> dict[str, Tensor]:
        """The trained tensors by name."""
        return trainable_state(model)

    def restore(self, model: Any, state: dict[str, Tensor]) -> None:
        """Put trained tensors into the model."""
        load_trainable_state(model, state)

    def merge(self, model: Any) -> Any:
        """The plain model with the adapter added to its weights."""
        return model.merge_and_unload()

    def count(self, network: Any) -> int:
        """Rank times inputs and outputs of every layer that is adapted; all-linear leaves the head
        out.
        """
        head, named = network.get_output_embeddings(), self.config.target_modules
        wanted = None if named == "all-linear" else set(_targets(self.config))
        layers = []
        for name, module in network.named_modules():
            if (
                # Conv1D is GPT-2's linear layer, stored transposed: the sum of its two sizes is the
                # same.
                type(module).__name__ in ("Linear", "Conv1D")
                and module is not head
                and (wanted is None or name.rsplit(".", 1)[-1] in wanted)
            ):
                layers.append(module)
        # A is (rank, in) and B (out, rank): rank times (in + out) numbers a layer.
        return self.config.rank * sum(sum(layer.weight.shape) for layer in layers)

    def bytes(self, trained: int) -> float:
        """Bytes of an adapter's own folder: float32."""
        # peft keeps A and B in float32 on a base in half precision (`autocast_adapter_dtype`).
        return 4.0 * trained


def _targets(config: AdapterConfig) -> str | list[str]:
    names = config.target_modules
    return names if names == "all-linear" else [name.strip() for name in names.split(",")]
