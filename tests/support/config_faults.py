"""What is said of a config that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.run.config_loading import load_config
from records.errors import ConfigError


def faults_of(path: Path | None, overrides: list[str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return caught.value.faults
