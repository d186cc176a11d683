"""What a config prints and how its blocks are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_prep.config import SourceConfig
from eval.config import EvalConfig, GateConfig
from pipeline.run.config import RunConfig, resolved, to_yaml
from pipeline.run.config_loading import load_config

CONFIGS = Path(__file__).resolve().parents[4] / "configs"


def test_the_result_is_frozen(config_file: Callable[[str], Path]) -> None:
    config = load_config(config_file(""))
    for block in (config, config.dpo, config.model.base, config.data.sources[0]):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(block, dataclasses.fields(block)[0].name, None)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_of_the_house_loads(path: Path) -> None:
    load_config(path, ["run_dir=elsewhere"])


@pytest.mark.parametrize(
    "path",
    [None, *sorted(CONFIGS.glob("*.yaml"))],
    ids=lambda path: path.stem if path else "defaults",
)
def test_what_config_prints_is_the_same_run(
    config_file: Callable[[str], Path], tmp_path: Path, path: Path | None
) -> None:
    config = load_config(path or config_file(""), ["seed=3"])
    printed = tmp_path / "printed.yaml"
    printed.write_text(to_yaml(config), encoding="utf-8")
    again = load_config(printed)
    assert again == config
    assert resolved(again) == resolved(config)
    assert to_yaml(again) == to_yaml(config)


def blocks(cls: type = RunConfig) -> list[type]:
    found = [cls]
    for entry in dataclasses.fields(cls):
        default = entry.default_factory() if callable(entry.default_factory) else entry.default
        item = default[0] if isinstance(default, list) and default else default
        if dataclasses.is_dataclass(item):
            found += blocks(type(item))
    return found


def keys(values: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key, value in values.items():
        found.append(f"{prefix}{key}")
        nested = (
            value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
        )
        if isinstance(nested, dict):
            found += keys(nested, f"{prefix}{key}." + ("0." if isinstance(value, list) else ""))
    return found


def test_every_setting_can_be_set_from_the_command_line(config_file: Callable[[str], Path]) -> None:
    """Setting all keys to the values they have gives the same run."""
    overrides: list[str] = []
    for key in keys(resolved(RunConfig())):
        value = resolved(RunConfig())
        for part in key.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        if value is None or isinstance(value, (dict, list)):
            continue
        written = yaml.safe_dump(value, default_flow_style=True).splitlines()[0]
        overrides.append(f"{key}={written}")
    assert len(overrides) >= 200
    assert load_config(config_file(""), overrides) == RunConfig()


BLOCKS = sorted(set(blocks()), key=lambda c: c.__name__)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda c: c.__name__)
def test_config_blocks_are_frozen_keyword_only_and_short(block: Any) -> None:
    parameters = block.__dataclass_params__
    assert parameters.frozen
    assert all(entry.kw_only for entry in dataclasses.fields(block))
    # One holds the blocks of all rooms, one is a flat row of YAML; an evaluation names every kind
    # of evidence, and the gate asks for each of them.
    long = (RunConfig, SourceConfig, EvalConfig, GateConfig)
    assert len(dataclasses.fields(block)) <= (16 if block in long else 15)
