"""A scorer's settings from a YAML file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from records.errors import ConfigError, first_line
from reward.judges.settings import ScorerConfig


def read_settings(path: Path) -> ScorerConfig:
    """The scorer that the file describes. Raises ConfigError that names the file and what is wrong in it."""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(ScorerConfig), OmegaConf.load(path))
        return cast(ScorerConfig, OmegaConf.to_object(merged))
    except (OmegaConfBaseException, YAMLError, ValueError, TypeError, OSError) as error:
        raise ConfigError(f"{path}: {first_line(error)}; wanted a scorer's settings (docs/judges.md)") from error
