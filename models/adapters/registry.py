"""The adapters by the name that a config gives them, each with the class that makes it.

This module loads no library: a config is checked in a process that never sees a weight.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.adapters.contract import Adapter
    from models.config import AdapterConfig

ADAPTERS = {
    "lora": "models.adapters.lora.Lora",
    "full": "models.adapters.full.Full",
}


def adapter_of(config: AdapterConfig) -> Adapter:
    """The adapter that a config names, with the config's settings."""
    module, _, name = ADAPTERS[config.kind].rpartition(".")
    made: Adapter = getattr(import_module(module), name)(config)
    return made
