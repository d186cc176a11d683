"""Where metrics go: always metrics.jsonl, and wandb when it is on."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from records.json_types import JsonObject
from records.own_files import Object, entry, read_rows
from records.rows import json_lines
from records.stage_folder import write_text
from train.config import WandbConfig
from train.engine.wandb_mode import open_run
from train.engine.wandb_mode import wandb_mode as wandb_mode


class JsonLinesLogger(Logger):
    """Appends one JSON object a logged step; a resumed stage overwrites nothing and goes on
    below.
    """

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
        """Nothing: the run directory holds the config."""
        pass  # the run's config is in run.json

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add a line to metrics.jsonl."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json_lines([{"step": step, **metrics}]))


def forget_metrics_after(path: Path, step: int, rows_measured: int = 0) -> list[str]:
    """Drop rows of steps that a resumed stage will take again, as they were never checkpointed, and
    of epochs beyond the `rows_measured` of its scoreboard, which will be measured again. Lines that
    are no metrics go too; what is wrong with them is returned, for the user."""
    rows, faults = read_rows(path, _metrics)
    if path.is_file():
        kept = []
        for row in rows:
            if row["step"] <= step and row.get("scoreboard/epoch", -1) < rows_measured:
                kept.append(row)
        write_text(path, json_lines(kept))
    return [f"{fault}; the line is left out" for fault in faults]


def _metrics(row: Object) -> Object:
    entry(row, "step", int)
    entry(row, "scoreboard/epoch", float, optional=True)
    return row


def wandb_run_id(work: Path) -> str:
    """Kept beside a stage's checkpoints: where training goes on, so does the run at wandb; offline,
    `wandb sync --append` puts the parts together.
    """
    file = work / "wandb_run_id"
    # A file that a kill left empty, or that somebody changed, gets a new id.
    if not file.is_file() or not re.fullmatch(rb"[0-9a-f]{12}", file.read_bytes()):
        write_text(file, uuid.uuid4().hex[:12])
    return file.read_text()


def wandb_logger(
    config: WandbConfig,
    *,
    folder: Path,
    stage: str,
    run_name: str,
    run_id: str,
    settings: JsonObject,
) -> WandbLogger | None:
    """Of a run that is opened here and not by Lightning, which hands wandb a setting that it warns
    of.

    None where wandb is off.
    """
    if wandb_mode(config)[0] == "disabled":
        return None
    run = open_run(
        config, folder=folder, stage=stage, run_name=run_name, settings=settings, run_id=run_id
    )
    run.define_metric("trainer/global_step")
    # As Lightning's logger does where it opens the run.
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return WandbLogger(experiment=run)
