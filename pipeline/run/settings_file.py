"""Settings as a user writes them: a YAML file, and `key=value` words of the command line.

Nothing that is written is passed over without a word: a setting that stands twice in a file is
refused with both lines.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from pipeline.run.settings_bounds import MOST_CHARACTERS, MOST_SHOWN, program_faults, size_faults
from records.errors import ConfigError
from records.regular_files import open_regular


class Setting(NamedTuple):
    """One value for one dotted key; `where` names the file or the override for messages."""

    where: str
    key: str
    value: Any


def file_settings(path: Path) -> list[Setting]:
    """Every leaf of a YAML file.

    Raises ConfigError where it cannot be read, is no mapping, or sets a key twice.
    """
    text = _text(path)
    try:
        # Before it is composed: bounds that are looked at afterwards bound nothing.
        too_much = size_faults(text)
        if too_much:
            raise ConfigError([f"{path}: {fault}" for fault in too_much])
        # Twice: nodes know lines and repeats, which safe_load has dropped from the content.
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (
        yaml.YAMLError,
        ValueError,
    ) as error:  # a day that is not in the calendar is a ValueError
        raise ConfigError(f"{path}: not a YAML file ({' '.join(str(error).split())})") from error
    if content is None:
        return []
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: wanted settings by name, got {type(content).__name__}")
    nameless = [key for key in content if not isinstance(key, str)]
    if nameless:
        raise ConfigError(
            [
                f"{path}: {key!r} is no name of a setting; `primum config CONFIG` prints all there "
                "are"
                for key in nameless
            ]
        )
    repeated = [f"{path}: {fault}" for fault in _repeated(node)]
    settings = [Setting(str(path), key, value) for key, value in _leaves(content)]
    programs = []
    for setting in settings:
        programs.extend(program_faults(setting.key, setting.value))
    faults = [*repeated, *(f"{path}: {fault}" for fault in programs)]
    if faults:
        raise ConfigError(faults)
    return settings


def override_settings(overrides: list[str], faults: list[str]) -> list[Setting]:
    """`key=value` words in their order, of which a later one replaces an earlier one; what is wrong
    goes to `faults`.
    """
    settings = []
    for text in overrides:
        key, sign, value = text.partition("=")
        if not sign or not key:
            faults.append(f"{text!r}: wanted key=value, as in dpo.beta=0.2")
            continue
        where = (
            f"override {text!r}"
            if len(text) <= MOST_SHOWN
            else f"override {text[:MOST_SHOWN]!r}..."
        )
        try:
            if wrong := [*size_faults(value), *program_faults(key, value)]:
                faults += [f"{where}: {fault}" for fault in wrong]
                continue
            node = yaml.compose(value, Loader=yaml.SafeLoader)
            # An empty word is an empty text, where YAML would read null.
            settings.append(Setting(where, key, _plain(yaml.safe_load(value)) if value else ""))
        except (yaml.YAMLError, ValueError) as error:
            faults.append(f"{where}: the value is not YAML ({' '.join(str(error).split())})")
        else:
            faults += [f"{where}: {fault}" for fault in _repeated(node)]
    return settings


def replaced(overrides: list[str]) -> list[str]:
    """One sentence for each key that the command line gives several values: which of them
    counts.
    """
    given: dict[str, list[str]] = {}
    for text in overrides:
        key, sign, value = text.partition("=")
        if sign:
            given.setdefault(key, []).append(value)
    return [
        f"{key} is given {len(values)} values on the command line ({', '.join(values)}); the last "
        "counts"
        for key, values in given.items()
        # A value that is given twice alike is no contradiction.
        if len(set(values)) > 1
    ]


def _text(path: Path) -> str:
    try:
        with open_regular(path) as file:
            content = file.read(4 * MOST_CHARACTERS + 1)  # a character has at most four bytes
    except FileNotFoundError as error:
        near = difflib.get_close_matches(
            path.name, [p.name for p in path.parent.glob("*.yaml")], n=1
        )
        hint = (
            f"; did you mean {path.parent / near[0]}?"
            if near
            else ", wanted a YAML file of settings; `primum init` writes one to start from"
        )
        raise ConfigError(f"{path}: no such file{hint}") from error
    except OSError as error:
        # A run's folder is what other commands take, and it holds the config that the run had.
        inside = path / "config.yaml"
        name = inside if path.is_dir() and inside.is_file() else "a YAML file"
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name {name}") from error
    if len(content) > 4 * MOST_CHARACTERS:
        raise ConfigError(
            f"{path}: more than {MOST_CHARACTERS} characters; is this a file of settings? Name a "
            "YAML file"
        )
    try:
        return content.decode("utf-8")
    except ValueError as error:
        raise ConfigError(f"{path}: not a YAML file ({' '.join(str(error).split())})") from error


def _repeated(node: Any) -> list[str]:
    """Every setting that is written more than once, with its lines; YAML itself would keep the
    last.
    """
    lines: dict[str, list[int]] = {}
    for key, line in _written(node, "", frozenset()):
        lines.setdefault(key, []).append(line)
    twice = {key for key, found in lines.items() if len(found) > 1}
    made: list[str] = []
    for key, found in lines.items():
        # Only the outermost of keys that are written twice; its inner ones are repeats of it.
        if key in twice and not any(key.startswith(f"{other}.") for other in twice):
            made.append(
                f"{key!r} stands in lines {' and '.join(map(str, found))}, and YAML would keep the "
                "last only; wanted each key once, remove one"
            )
    return made


def _written(node: Any, prefix: str, above: frozenset[int]) -> Iterator[tuple[str, int]]:
    """(dotted key, line) of every entry below a YAML node.

    `above` holds the nodes that it lies in, for an alias may name one of them.
    """
    # An alias may lead back to a node that it lies in.
    if id(node) in above:
        return
    above = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            said = key.value if isinstance(key, yaml.ScalarNode) else "a key that is no text"
            name = f"{prefix}{said}"
            # `a.b: 1` beside `a: {b: 2}` is one setting written twice.
            yield name, key.start_mark.line + 1
            yield from _written(value, f"{name}.", above)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _written(item, f"{prefix}{number}.", above)


def _leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        # An empty block stays a leaf: it means "nothing here" and would vanish otherwise.
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _plain(value)


def _plain(value: Any) -> Any:
    """YAML reads 2026-12-01 as a day; settings are text."""
    return value.isoformat() if isinstance(value, date) else value
