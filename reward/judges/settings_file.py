"""One scorer of one YAML file: what ScorerConfig or, with `kind: jury`, JuryConfig has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from records.errors import ConfigError, first_line
from reward.judges.settings import JuryConfig, ScorerConfig

MOST_BYTES = 100_000
MOST_BRACKETS = 1000
"""Reading time grows with the square of the depth to which brackets nest."""


def read_settings(path: Path) -> ScorerConfig | JuryConfig:
    """Raises ConfigError with the file and what is wrong with it. Nothing in it is looked up in the
    environment."""
    text = _text(path)
    try:
        # Scanned for before anything is built: building is what an endless alias makes endless.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ConfigError(
                f"{path}: holds an alias (*name), which a few lines can make endless; write the "
                "value out"
            )
        plain = yaml.load(text, _EachKeyOnce)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path}: not YAML ({first_line(error)}); see docs/judges.md for examples"
        ) from error
    if not isinstance(plain, dict):
        raise ConfigError(
            f"{path}: wanted the settings of one scorer by name, got {type(plain).__name__}; see "
            "docs/judges.md"
        )
    # Told apart here: OmegaConf merges into one schema and offers no choice of two.
    schema = JuryConfig if plain.get("kind") == "jury" else ScorerConfig
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), OmegaConf.create(plain))
        config = OmegaConf.to_object(merged)
    except (OmegaConfBaseException, ValueError, TypeError, RecursionError) as error:
        raise ConfigError([f"{path}: {fault}" for fault in _faults(error)]) from error
    assert isinstance(config, ScorerConfig | JuryConfig)
    return config


def _faults(error: Exception) -> list[str]:
    """What OmegaConf or a config class says, each line with the key that it is about, without
    OmegaConf's own notes."""
    key = str(getattr(error, "full_key", None) or "")
    lines = [line.strip() for line in str(error).splitlines()]
    told = []
    for line in lines:
        if line and not line.startswith(("full_key:", "object_type=", "reference_type=")):
            told.append(line)
    return [f"{key}: {line}" if key else line for line in told] or [type(error).__name__]


class _EachKeyOnce(yaml.SafeLoader):  # type: ignore[misc]
    """Of a key that stands twice, YAML takes the last one without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ValueError(
                    f"the key {key.value} stands in line {seen[key.value]} and again in line "
                    f"{line}; leave one of the two"
                )
            seen[str(key.value)] = line
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        # Editors on Windows put a byte-order mark first.
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(
            f"{path}: cannot be read ({reason}); name a YAML file with the settings of one scorer"
        ) from error
    if len(content) > MOST_BYTES:
        raise ConfigError(
            f"{path}: more than 100 kB, wanted the settings of one scorer; name another file"
        )
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        raise ConfigError(
            f"{path}: more than {MOST_BRACKETS} brackets, wanted the settings of one scorer; name "
            "another file"
        )
    if "${" in text:
        # An interpolation could write the environment, keys and all, into settings that are shown.
        raise ConfigError(
            f"{path}: holds ${{...}}, and nothing is looked up here; write the value, and for a "
            "key the name of its variable in api_key_env"
        )
    return text
