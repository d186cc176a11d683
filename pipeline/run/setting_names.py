"""Which settings there are, and which one was probably meant by a name that is none of them."""

from __future__ import annotations

import difflib
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

from pipeline.run.foreign_names import FOREIGN, NOT_HERE

NEAR = 0.6
"""Likeness, by difflib, from which a name may be a slip of another one in the same block."""
MOST = 4
"""Settings that a hint names."""


@cache
def known_keys(cls: type) -> list[str]:
    """Every dotted key of a config class; list entries carry no number, as in data.sources.path."""
    found = []
    for name, kind in _entries(cls):
        found.append(name)
        if is_dataclass(kind):
            found += [f"{name}.{inner}" for inner in known_keys(kind)]  # type: ignore[arg-type]
    return found


def hint(key: str, cls: type) -> str:
    """What to write instead of an unknown key, as the end of a sentence.

    A name that other trainers use is known as such; else the nearest name of the same block; else
    the same name elsewhere.
    """
    known, parts = known_keys(cls), [part for part in key.split(".") if not part.isdigit()]
    if not parts:  # a number alone, which names nothing
        return "`primum config CONFIG` prints all there are"
    # The longest path that there is: only the part behind it is wrong.
    block, wrong, rest = _split(parts, known)
    name = parts[-1].replace("-", "_").lower()
    siblings = []
    for entry in known:
        if entry.startswith(block) and "." not in entry.removeprefix(block):
            siblings.append(entry.removeprefix(block))
    near = []
    for slip in difflib.get_close_matches(wrong, siblings, n=1, cutoff=NEAR):
        near.append(f"{block}{slip}")
    whole_path = [".".join([sibling, *rest]) for sibling in near]
    foreign = _foreign(name, block)
    # A slip in a block's name, with a known setting behind it, is surer than a foreign name.
    if rest and whole_path and whole_path[0] in known:
        return f"did you mean {whole_path[0]!r}?"
    if foreign:
        return foreign
    if near:
        return f"did you mean {near[0]!r}?"
    elsewhere = []
    for entry in known:
        if entry.rsplit(".", 1)[-1] == name:
            elsewhere.append(entry)
    if elsewhere:
        return f"did you mean {_listed(elsewhere, block)}?"
    whole = difflib.get_close_matches(".".join(parts), known, n=1, cutoff=0.7)
    return f"did you mean {whole[0]!r}?" if whole else "`primum config CONFIG` prints all there are"


def _entries(cls: type) -> list[tuple[str, Any]]:
    """(name, type) of the fields, of a list the type of its items."""
    hints = get_type_hints(cls)
    kinds = [(entry.name, hints[entry.name]) for entry in fields(cls)]
    made: list[tuple[str, Any]] = []
    for name, kind in kinds:
        made.append(
            (name, get_args(kind)[0] if getattr(kind, "__origin__", None) is list else kind)
        )
    return made


def _split(parts: list[str], known: list[str]) -> tuple[str, str, list[str]]:
    """(the block that there is, with its dot; the first name that is not in it; what follows)."""
    block = ""
    for number, part in enumerate(parts):
        if not any(entry.startswith(f"{block}{part}.") for entry in known):
            return block, part, parts[number + 1 :]
        block += f"{part}."
    return block.removesuffix(f"{parts[-1]}."), parts[-1], []


def _foreign(name: str, block: str) -> str:
    if name in NOT_HERE:
        return f"there is no such setting here: {NOT_HERE[name]}"
    if name not in FOREIGN:
        return ""
    targets, *why = FOREIGN[name]
    note = f" ({why[0]})" if why else ""
    return f"did you mean {_listed(targets.split(), block)}?{note}"


def _listed(keys: list[str], block: str) -> str:
    """Those of the same block where there are any, then of the same part of the config; else
    all.
    """
    # A user who stands in dpo means dpo's own learning rate.
    own = [key for key in keys if block and key.startswith(block)]
    near = []
    for key in keys:
        if block and key.split(".")[0] == block.split(".")[0]:
            near.append(key)
    return " or ".join(repr(key) for key in (own or near or keys)[:MOST])
