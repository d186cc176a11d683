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
        model.requires_grad_(True)
        return model

    def state(self, model: Any) -> dict[str, Tensor]:
        return trainable_state(model)

    def restore(self, model: Any, state: dict[str, Tensor]) -> None:
        load_trainable_state(model, state)

    def merge(self, model: Any) -> Any:
        return model

    def count(self, network: Any) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    def bytes(self, trained: int) -> float:
        return 0.0
