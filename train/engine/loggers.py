"""Where metrics go: always metrics.jsonl, and wandb when it is on."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import Logger, WandbLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from records.own_files import Object, entry, read_rows
from records.rows import json_lines
from records.stage_folder import write_text
from train.config import WandbConfig

WandbMode = Literal["online", "offline", "disabled"]


class JsonLinesLogger(Logger):
    """Appends one JSON object a logged step; a resumed stage overwrites nothing and goes on below."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    @property
    def name(self) -> str:
        return "jsonl"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        pass  # the run's config is in run.json

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json_lines([{"step": step, **metrics}]))


def forget_metrics_after(path: Path, step: int, rows_measured: int = 0) -> list[str]:
    """Drop rows of steps that a resumed stage will take again, as they were never checkpointed, and of epochs beyond the `rows_measured` of
    its scoreboard, which will be measured again. Lines that are no metrics go too; what is wrong
    with them is returned, for the user."""
    rows, faults = read_rows(path, _metrics)
    if path.is_file():
        kept = [row for row in rows if row["step"] <= step and row.get("scoreboard/epoch", -1) < rows_measured]
        write_text(path, json_lines(kept))
    return [f"{fault}; the line is left out" for fault in faults]


def _metrics(row: Object) -> Object:
    entry(row, "step", int)
    entry(row, "scoreboard/epoch", float, optional=True)
    return row


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


def wandb_run_id(work: Path) -> str:
    """Kept beside a stage's checkpoints: where training goes on, so does the run at wandb; offline, `wandb sync --append` puts the parts together."""
    file = work / "wandb_run_id"
    if not file.is_file() or not re.fullmatch(rb"[0-9a-f]{12}", file.read_bytes()):
        write_text(file, uuid.uuid4().hex[:12])
    return file.read_text()


def wandb_logger(
    config: WandbConfig, *, folder: Path, stage: str, run_name: str, run_id: str, settings: dict[str, Any]
) -> WandbLogger | None:
    mode, _ = wandb_mode(config)
    if mode == "disabled":
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return WandbLogger(
        project=config.project,
        entity=config.entity,
        group=config.group or run_name,
        name=f"{run_name}/{stage}",
        id=run_id,
        resume="allow" if mode == "online" else None,  # offline it would only warn
        job_type=stage,
        save_dir=str(folder),
        offline=mode == "offline",
        config=settings,
    )
