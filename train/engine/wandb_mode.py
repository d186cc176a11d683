"""Whether a run is recorded at wandb, known without loading it or the libraries of training."""

from __future__ import annotations

import os
from typing import Any, Literal

from train.config import WandbConfig

WandbMode = Literal["online", "offline", "disabled"]
QUIET: dict[str, Any] = {"silent": True, "console": "off"}
"""wandb's settings: not a line of its own in the log, and none of the log's lines sent to it."""


def wandb_mode(config: WandbConfig) -> tuple[WandbMode, str]:
    """The mode in force and, in words, why; never online unless the user gave a key or asked for it."""
    if config.mode != "auto":
        return config.mode, f"wandb.mode={config.mode}"
    asked = os.environ.get("WANDB_MODE")
    if asked in ("online", "offline", "disabled"):
        return asked, f"WANDB_MODE={asked}"  # type: ignore[return-value]
    if os.environ.get("WANDB_API_KEY"):
        return "online", "WANDB_API_KEY is set"
    return "disabled", "no WANDB_API_KEY; set it, or wandb.mode=offline, to record there too"
