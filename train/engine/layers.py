"""A model's layers made ready for training: fused, compiled or keeping less, as its settings and architecture allow."""

from __future__ import annotations

from typing import Any

from models.memory.compiled_layers import compile_layers, why_not_compiled
from models.memory.fused_lora import fuse_lora
from models.memory.gradient_checkpointing import recompute_layers
from models.memory.lean_layers import keep_less
from train.config import TrainerConfig, loads_sharded
from train.engine.hardware import compiles


def prepare_layers(model: Any, config: TrainerConfig, *, packed: bool) -> str | None:
    """Switch the layers of an adapted model; returns why they are not compiled where the config would have them so.

    Under ZeRO-3 they stay as they are: its hooks gather the weights of each module when that is called.
    """
    why = _why_not_compiled(model, packed) if compiles(config) else None
    compiled = compiles(config) and not why
    if not loads_sharded(config):
        fuse_lora(model)
        if not compiled:
            keep_less(model, mlps=not config.gradient_checkpointing)
    if compiled:
        compile_layers(model)
    if config.gradient_checkpointing:
        recompute_layers(model)
    return why and f"layers are not compiled: {why}"


def _why_not_compiled(model: Any, packed: bool) -> str | None:
    return why_not_compiled(model) if packed else "its rows are padded"
