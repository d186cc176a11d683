"""Training of every weight: no adapter modules, and nothing of the base stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from models.adapters.trained import load_trainable_state, trainable_state
from models.config import AdapterConfig


@dataclass(frozen=True)
class Full:
    """See `models.adapters.contract.Adapter`."""

    config: AdapterConfig
    keeps_base = False

    def wrap(self, model: Any, *, seed: int, task_type: str) -> Any:
        """The model as it is: all of it is trained."""
        model.requires_grad_(True)
        return model

    def state(self, model: Any) -> dict[str, Tensor]:
        """The trained tensors by name."""
        return trainable_state(model)

    def restore(self, model: Any, state: dict[str, Tensor]) -> None:
        """Put trained tensors into the model."""
        load_trainable_state(model, state)

    def merge(self, model: Any) -> Any:
        """The model as it is: nothing stands beside its weights."""
        return model

    def count(self, network: Any) -> int:
        """How many parameters are trained: all."""
        return sum(parameter.numel() for parameter in network.parameters())

    def bytes(self, trained: int) -> float:
        """Bytes of an adapter's own folder: there is none."""
        return 0.0
