"""One scorer of one YAML file: what ScorerConfig or, with `kind: jury`, JuryConfig has."""

from __future__ import annotations

from pathlib import Path

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from records.errors import ConfigError, first_line
from reward.judges.settings import JuryConfig, ScorerConfig

MOST_BYTES = 1 << 20


def read_settings(path: Path) -> ScorerConfig | JuryConfig:
    """Raises ConfigError with the file and what is wrong with it. Nothing in it is looked up in the
    environment."""
    text = _text(path)
    try:
        plain = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not YAML ({first_line(error)}); see docs/judges.md for examples") from error
    if not isinstance(plain, dict):
        raise ConfigError(f"{path}: wanted the settings of one scorer by name, got {type(plain).__name__}; see docs/judges.md")
    schema = JuryConfig if plain.get("kind") == "jury" else ScorerConfig
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), OmegaConf.create(plain))
        config = OmegaConf.to_object(merged)
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        faults = [line.strip() for line in str(error).strip().splitlines()]
        told = [f"{path}: {fault}" for fault in faults if fault and not fault.startswith("object_type=")]
        raise ConfigError(told or f"{path}: {type(error).__name__}; see docs/judges.md") from error
    assert isinstance(config, ScorerConfig | JuryConfig)
    return config


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()[: MOST_BYTES + 1]
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: cannot be read ({reason}); name a YAML file with the settings of one scorer") from error
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{path}: more than a megabyte, wanted the settings of one scorer; name another file")
    if "${" in text:
        # An interpolation could write the environment, keys and all, into settings that are shown.
        raise ConfigError(
            f"{path}: holds ${{...}}, and nothing is looked up here; write the value, and for a key the name of its variable in api_key_env"
        )
    return text
