"""Whether a run is recorded at wandb, known without loading the libraries of training; and how it
is opened.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from records.json_types import JsonObject
from train.config import WandbConfig

WandbMode = Literal["online", "offline", "disabled"]
QUIET: dict[str, Any] = {"silent": True, "console": "off"}
"""wandb's settings: not a line of its own in the log, and none of the log's lines sent to it."""


def wandb_mode(config: WandbConfig) -> tuple[WandbMode, str]:
    """The mode in force and, in words, why; never online unless the user gave a key or asked for
    it.
    """
    if config.mode != "auto":
        return config.mode, f"wandb.mode={config.mode}"
    asked = os.environ.get("WANDB_MODE")
    if asked in ("online", "offline", "disabled"):
        return asked, f"WANDB_MODE={asked}"  # type: ignore[return-value]
    if os.environ.get("WANDB_API_KEY"):
        return "online", "WANDB_API_KEY is set"
    return "disabled", "no WANDB_API_KEY; set it, or wandb.mode=offline, to record there too"


def open_run(
    config: WandbConfig,
    *,
    folder: Path,
    stage: str,
    run_name: str,
    settings: JsonObject,
    run_id: str | None = None,
) -> Any:
    """A stage's run at wandb in the group of its run, written below `folder`.

    With `run_id` it goes on where that one was.

    Raises wandb.Error where it cannot be opened, and ValueError where wandb is off.
    """
    mode, why = wandb_mode(config)
    if mode == "disabled":
        raise ValueError(f"wandb is off: {why}")
    import wandb  # noqa: PLC0415  seconds, and most runs record nothing there

    folder.mkdir(parents=True, exist_ok=True)
    return wandb.init(
        project=config.project,
        entity=config.entity,
        group=config.group or run_name,
        name=f"{run_name}/{stage}",
        id=run_id,
        resume="allow" if run_id and mode == "online" else None,  # offline it would only warn
        job_type=stage,
        dir=str(folder),
        mode=mode,
        config=dict(settings),
        settings=wandb.Settings(**QUIET),
    )
