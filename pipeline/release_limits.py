"""The limits that an evaluation which lies in a folder is judged by."""

from __future__ import annotations

from pathlib import Path

from eval.config import GateConfig
from pipeline.run.config import load_config
from records.errors import ConfigError


def limits_of(run: Path, overrides: list[str]) -> GateConfig:
    """release.gate of the run's own config, with the command line's changes; the defaults for results that come alone."""
    config = run / "config.yaml"
    if config.is_file():
        return load_config(config, overrides).release.gate
    if overrides:
        raise ConfigError(f"{run}: holds no config.yaml that settings could replace; leave out {' '.join(overrides)}")
    return GateConfig()
