"""From a file and the command line to the run that they describe, with all faults reported at
once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException, ValidationError

from pipeline.run.config import RunConfig
from pipeline.run.config_paths import expand_paths, path_faults
from pipeline.run.setting_names import hint, known_keys
from pipeline.run.settings_bounds import shown
from pipeline.run.settings_file import Setting, file_settings, override_settings
from pipeline.run.wrong_values import NAMES_NOT_HERE, wrong_values
from records.errors import ConfigError, first_line
from records.rows import FAULTS_SHOWN
from records.setting_ranges import not_a_number, range_faults
from train.rlhf.config import RlhfConfig

FREE = ("data.lint.fail_above.", "data.split.val_of.")
"""Blocks whose keys are the user's own words."""


def load_config(path: Path | None, overrides: list[str] | None = None) -> RunConfig:
    """The run that a YAML file (None: the defaults) and `key=value` overrides describe.

    Raises ConfigError with every fault.
    """
    merged = _unlocked(OmegaConf.structured(RunConfig))
    faults: list[str] = []
    unknown = 0
    settings = [*(file_settings(path) if path else []), *override_settings(overrides or [], faults)]
    # One setting at a time, so that a fault can be told with the line that it stands on.
    for setting in settings:
        try:
            OmegaConf.update(merged, setting.key, setting.value, merge=True)
            _unlocked(merged)
        except (OmegaConfBaseException, ValueError, TypeError, IndexError, OverflowError) as error:
            wrong = [] if isinstance(error, ValidationError) else _unknown_keys(setting)
            # A file of another program has dozens of unknown keys; the first few say enough.
            told = wrong[: max(0, FAULTS_SHOWN - unknown)]
            for name in told:
                faults.append(
                    f"{setting.where}: unknown key {shown(name)}; {hint(name, RunConfig)}"
                )
            faults += (
                []
                if wrong
                else [f"{setting.where}: {fault}" for fault in _explain(setting, error, merged)]
            )
            unknown += len(wrong)
        else:
            # OmegaConf takes a list of lists for a list of texts, and fails where it is read.
            faults += [
                f"{setting.where}: {fault}" for fault in wrong_values(setting.key, setting.value)
            ]
    if unknown > FAULTS_SHOWN:
        faults.append(
            f"{path or 'settings'}: {unknown - FAULTS_SHOWN} more unknown keys; is this a file of "
            "Primum's settings? `primum config` prints them"
        )
    # Paths are expanded before any block is built, so that no check of theirs sees a `~`.
    faults += [*expand_paths(merged), *path_faults(merged)]
    config = _checked(merged, settings, faults)
    faults += _without_a_stage(config, settings) if config else []
    if faults or config is None:
        raise ConfigError(faults)
    return config


def _without_a_stage(config: RunConfig, settings: list[Setting]) -> list[str]:
    """Settings of rlhf for a run without it, unless who gives them also says where it starts: the
    config that a run saves holds every setting, and says that there is none. What changes nothing
    is no fault.
    """
    if config.rlhf.starts_from != "none" or config.rlhf == RlhfConfig():
        return []
    given: dict[str, list[str]] = {}
    for setting in settings:
        for key in _names(setting.key, setting.value):
            if key.startswith("rlhf."):
                given.setdefault(setting.where, []).append(key)
    faults = []
    for where, keys in given.items():
        if "rlhf.starts_from" not in keys:
            faults.append(
                f"{where}: {keys[0]}: rlhf has settings and rlhf.starts_from is none, which leaves "
                "the stage out; set it to base, sft or dpo, or take the settings out"
            )
    return faults


def _unlocked(node: Any) -> Any:
    """Frozen dataclasses make read-only nodes; settings are written into them until the run is
    built.
    """
    OmegaConf.set_readonly(node, None)
    children = node.values() if OmegaConf.is_dict(node) else node
    for child in children:
        if OmegaConf.is_config(child):
            _unlocked(child)
    return node


def _explain(setting: Setting, error: Exception, merged: Any) -> list[str]:
    """What is wrong with the value of one setting."""
    found = []
    for key, text in not_a_number(RunConfig, setting.key, setting.value):
        found.append(f"{key}: {text}")
    found += wrong_values(setting.key, setting.value)
    return found or _beyond_the_end(setting.key, merged) or [f"{setting.key}: {_said(error)}"]


def _beyond_the_end(key: str, merged: Any) -> list[str]:
    """Where a key names an entry that a list does not have."""
    parts = key.split(".")
    for place, part in enumerate(parts):
        above = ".".join(parts[:place])
        node = OmegaConf.select(merged, above) if part.isdigit() and above else None
        if node is not None and OmegaConf.is_list(node) and int(part) >= len(node):
            last = f"the last is {len(node) - 1}" if len(node) else "it is empty"
            return [
                f"{key}: {above} has no entry {part}, {last}; wanted one that there is, or the "
                f"whole list as {above}=[...]"
            ]
    return []


def _unknown_keys(setting: Setting) -> list[str]:
    made: list[str] = []
    for name in _names(setting.key, setting.value):
        if _is_unknown(name):
            made.append(name)
    return made


def _names(key: str, value: Any) -> Iterator[str]:
    """The key, and those in the blocks and lists that are its value."""
    yield key
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, below in inner:
        yield from _names(f"{key}.{name}", below)


def _is_unknown(key: str) -> bool:
    plain = ".".join(part for part in key.split(".") if not part.isdigit())
    return plain not in known_keys(RunConfig) and not plain.startswith(FREE)


def _said(error: Exception) -> str:
    """The whole of what a block says of itself, the first line of what OmegaConf says; the braces
    that it takes for another key are explained.
    """
    if type(error) is ValueError:
        return str(error)
    if isinstance(error, InterpolationKeyError):
        return (
            f"{error.full_key}: {first_line(error)}; write $NAME for a variable of the environment"
        )
    return first_line(error)


def _blocks(key: str, node: Any) -> Iterator[tuple[str, Any]]:
    """(key, block), inner ones before those that hold them, so that one broken source hides no
    other.
    """
    if OmegaConf.is_config(node):
        for name, child in node.items() if OmegaConf.is_dict(node) else enumerate(node):
            yield from _blocks(f"{key}.{name}", child)
        yield key, node


def _out_of_range(values: Any, settings: list[Setting]) -> dict[str, str]:
    """What is wrong with each number that is out of its range, by its key, and who set it."""
    found = {}
    for key, text in range_faults(RunConfig, values):
        setters = []
        for setting in settings:
            if f"{key}.".startswith(f"{setting.key}."):
                setters.append(setting.where)
        value = OmegaConf.select(OmegaConf.create(values), key)
        if isinstance(value, str) and value.lower() in NAMES_NOT_HERE:
            text += f". There is no {value} here: {NAMES_NOT_HERE[value.lower()]}"
        # The last setter counts: it is the one whose value stands.
        found[key] = f"{setters[-1]}: {key}: {text}" if setters else f"{key}: {text}"
    return found


def _checked(merged: Any, settings: list[Setting], faults: list[str]) -> RunConfig | None:
    """Build every block, adding what each finds wrong with itself to `faults`; None when there is
    anything.
    """
    try:
        values = OmegaConf.to_container(merged, resolve=True)
    except OmegaConfBaseException as error:
        faults.append(_said(error))
        return None
    # Numbers first, as a block's own check would stop at the first of them.
    beyond = _out_of_range(values, settings)
    faults += beyond.values()
    # Block by block: building the whole run would stop at the first block that complains.
    for entry in fields(RunConfig):
        for key, node in _blocks(entry.name, merged[entry.name]):
            # What a block says of its settings together means nothing while one of them is no
            # number.
            if any(number.startswith(f"{key}.") for number in beyond):
                continue
            try:
                OmegaConf.to_object(node)
            except (OmegaConfBaseException, ValueError) as error:
                fault = _said(error)
                faults += [fault] if fault not in faults else []
    if faults:
        return None
    try:
        config = OmegaConf.to_object(merged)
    except (OmegaConfBaseException, ValueError) as error:
        faults.append(_said(error))
        return None
    assert isinstance(config, RunConfig)
    return config
