"""What an evaluation that lies in a folder is judged by."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from pipeline.run.config import ReleaseConfig
from pipeline.run.config_loading import load_config
from pipeline.run.graph import main_policy
from records.errors import ConfigError, first_line


def release_settings(run: Path, overrides: list[str]) -> ReleaseConfig:
    """`release` of the run's own config, with the command line's changes; the defaults for results
    that come alone.
    """
    config = run / "config.yaml"
    if config.is_file():
        return _release_of(config, overrides)
    if overrides:
        raise ConfigError(
            f"{run}: holds no config.yaml that settings could replace; leave out "
            f"{' '.join(overrides)}"
        )
    return ReleaseConfig()


def _release_of(config: Path, overrides: list[str]) -> ReleaseConfig:
    """Its other blocks are not looked at: a released run may be of a version that had other
    settings.
    """
    try:
        # safe_load and not OmegaConf: other blocks may hold settings that this version has not.
        block = (yaml.safe_load(config.read_text(encoding="utf-8")) or {}).get("release") or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
        raise ConfigError(
            f"{config}: cannot be read as settings ({first_line(error)}); wanted what `primum run` "
            "leaves"
        ) from error
    if not isinstance(block, dict):
        raise ConfigError(
            f"{config}: release: wanted a block of settings, got {block!a}; wanted what `primum "
            "run` leaves"
        )
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / config.name
        # Another policy may need stages that this run leaves out, which the check of a whole run
        # would refuse.
        alone.write_text(
            yaml.safe_dump({"release": {**block, "policy": main_policy()}}), encoding="utf-8"
        )
        try:
            return load_config(alone, overrides).release
        except ConfigError as error:
            raise ConfigError(
                # The user's file is named, and not the copy that was read.
                [fault.replace(str(alone), str(config)) for fault in error.faults]
            ) from error
