"""Settings of stages that tests make up."""

from __future__ import annotations

from dataclasses import fields, make_dataclass

from pipeline.run.config import RunConfig
from pipeline.run.declared import StageSettings


def settings_of(*blocks: str) -> type[StageSettings]:
    """That hold whole blocks of the run's config."""
    kinds = {one.name: one.default_factory for one in fields(RunConfig)}
    named = [(name, kinds[name]) for name in blocks]
    return make_dataclass("Settings", named, bases=(StageSettings,), frozen=True, kw_only=True)
