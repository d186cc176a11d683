"""What an evaluation that lies in a folder is judged by."""

from __future__ import annotations

from pathlib import Path

from pipeline.run.config import ReleaseConfig, load_config
from records.errors import ConfigError


def release_settings(run: Path, overrides: list[str]) -> ReleaseConfig:
    """`release` of the run's own config, with the command line's changes; the defaults for results that come alone."""
    config = run / "config.yaml"
    if config.is_file():
        return load_config(config, overrides).release
    if overrides:
        raise ConfigError(f"{run}: holds no config.yaml that settings could replace; leave out {' '.join(overrides)}")
    return ReleaseConfig()
