"""What a settings file may not hold, whatever the settings: too much of anything, characters that
no name has, and texts that OmegaConf would take for programs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]

MOST_CHARACTERS = 1_000_000
MOST_LEVELS = 40
"""Blocks in blocks; the deepest setting has five."""
MOST_VALUES = 100_000
MISSING = "???"
MOST_SHOWN = 100
"""Characters of a value that a message repeats."""
PROSE = re.compile(r"data\.sources\.\d+\.labelled_by|data\.publication\.creator")
"""Settings that may have several lines."""


@dataclass
class _Open:
    """A YAML collection that is being read: how many nodes it holds so far, and how many levels of
    collections are below it.
    """

    anchor: str | None
    size: int
    levels: int = 0

    def hold(self, size: int, levels: int) -> None:
        self.size += size
        self.levels = max(self.levels, levels)


def size_faults(text: str) -> list[str]:
    """Of YAML text, before anything is built from it: a few bytes of aliases or brackets can stand
    for gigabytes or exhaust the stack.

    Raises yaml.YAMLError where it is not YAML.
    """
    if len(text) > MOST_CHARACTERS:
        return [
            f"{len(text)} characters, wanted at most {MOST_CHARACTERS}; is this a file of settings?"
        ]
    named: dict[str, _Open] = {}  # by anchor; what its aliases stand for is counted
    open_nodes = [_Open(None, 0)]
    # Events and not nodes: composing would already follow every alias.
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append(_Open(event.anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = open_nodes.pop()
            named |= {closed.anchor: closed} if closed.anchor else {}
            open_nodes[-1].hold(closed.size, closed.levels + 1)
        elif isinstance(event, yaml.AliasEvent):
            # An alias inside of its own anchor stands for endless YAML, which PyYAML builds as a
            # loop.
            if any(event.anchor == node.anchor for node in open_nodes):
                return [
                    f"line {line}: the alias *{event.anchor} stands inside what it names; write "
                    "the value out"
                ]
            # An alias counts as much as what it names, which is how few bytes become many values.
            meant = named.get(event.anchor, _Open(None, 1, -1))
            open_nodes[-1].hold(meant.size, meant.levels + 1)
        elif isinstance(event, yaml.ScalarEvent):
            open_nodes[-1].hold(1, 0)
        if len(open_nodes) + open_nodes[-1].levels > MOST_LEVELS:
            return [
                f"line {line}: more than {MOST_LEVELS} blocks in each other; wanted settings by "
                "name"
            ]
        if open_nodes[-1].size > MOST_VALUES:
            return [
                f"line {line}: its aliases stand for more than {MOST_VALUES} values; write out "
                "what is meant"
            ]
    return []


def program_faults(key: str, value: Any) -> list[str]:
    """Texts with which OmegaConf would read another setting or the environment, or take the setting
    for missing.
    """
    faults = []
    for name, text in _texts(key, value):
        prose = PROSE.fullmatch(name) is not None
        # OmegaConf would read it from another setting or from the environment, a key among them.
        if "${" in text:
            faults.append(
                f"{name}: got {shown(text)}; settings do not refer to each other: write the value, "
                "or, in a path, write $NAME"
            )
        elif odd := odd_characters(text, lines=prose):
            faults.append(
                f"{name}: got {shown(text)} with {odd}, wanted text "
                f"{'' if prose else 'on one line '}without; write it out"
            )
        elif text == MISSING:
            faults.append(
                f"{name}: got {MISSING}, which stands for a value to be filled in; write it, or "
                "leave the setting out for its default"
            )
    return faults


def odd_characters(text: str, *, lines: bool = False) -> str:
    """What a text holds that no name, path or sentence of a settings file has; empty where nothing.

    `lines` allows line ends and tabs.
    """
    for character in text:
        if 0xD800 <= ord(character) <= 0xDFFF:
            return "half of a character (a lone surrogate)"
        if unicodedata.category(character) == "Cc" and not (lines and character in "\n\t"):
            return f"the control character {character!r}"
    return ""


def shown(text: str) -> str:
    """For a message: in quotes, escaped, and not too long."""
    whole = ascii(text)
    return whole if len(whole) <= MOST_SHOWN else f"{whole[:MOST_SHOWN]}..."


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text of a plain value, keys of blocks among them, by its dotted key."""
    if isinstance(value, str):
        yield key, value
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, below in inner:
        yield from _texts(f"{key}.{name}", below)
    yield from (
        (key, name)
        for name in (value if isinstance(value, dict) else ())
        if isinstance(name, str) and "${" in name
    )
