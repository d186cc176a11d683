"""One module a stage; `pipeline.run.registry` lists them in order."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipeline.run.graph import stage_names as stage_names
from pipeline.run.registry import STAGES as STAGES
from pipeline.run.rounds import parsed

if TYPE_CHECKING:
    from pipeline.run.stage import Stage


def load_stage(name: str) -> Stage[Any]:
    """The declaration of a stage, in its round."""
    stage, round = parsed(name)
    return import_module(f"pipeline.stages.{stage}").STAGE.in_round(round)
