"""What is known of every setting: type, default, meaning, range and the room that owns it, read off
the config classes.

The meaning is the text that stands below the field in its class.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import types
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pipeline.run.config import RunConfig
from pipeline.run.plain_meanings import plain_meaning
from records.setting_ranges import Range, names_of, numeric_settings


@dataclass(frozen=True)
class SettingFact:
    """One setting; `*` in its key stands for each entry of a list, or for a name of the user's
    own.
    """

    key: str
    hint: Any
    """Its annotation, without None."""
    optional: bool
    default: Any
    """`MISSING` where every entry states its own."""
    meaning: str
    owner: str
    """The file that holds it."""
    range: Range | None
    names: tuple[str, ...] = ()
    """What its text may be, where that is a name of a registry."""

    @property
    def kind(self) -> str:
        """In words."""
        kind = f"one of {', '.join(self.names)}" if self.names else kind_text(self.hint)
        return f"{kind}{', or null' if self.optional else ''}"

    @property
    def default_text(self) -> str:
        """As a config file has it; empty where there is none."""
        if self.default is MISSING:
            return ""
        return (
            self.default
            if isinstance(self.default, str) and self.default
            else json.dumps(self.default)
        )


def kind_text(hint: Any) -> str:
    """`one of a, b`, `a whole number`, `a list of texts` ..."""
    named = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    if get_origin(hint) is list:
        (item,) = get_args(hint)
        return "a list of blocks" if is_dataclass(item) else f"a list, each {kind_text(item)}"
    if get_origin(hint) is dict:
        return f"by name, each {kind_text(get_args(hint)[-1])}"
    return "a block" if is_dataclass(hint) else named.get(hint, "text")


def setting_facts() -> list[SettingFact]:
    """Of every setting and every block, in the order of the classes."""
    ranges = {one.key: one.range for one in numeric_settings(RunConfig)}
    return list(_facts(RunConfig, "", RunConfig(), ranges))


def _facts(
    cls: type, prefix: str, values: Any, ranges: dict[str, Range | None]
) -> Iterator[SettingFact]:
    hints, said = get_type_hints(cls), meanings(cls)
    for entry in fields(cls):
        hint, optional = _without_none(hints[entry.name])
        key = f"{prefix}{entry.name}"
        # Entries of a list have no default of their own: each user writes them whole.
        value = MISSING if values is None else getattr(values, entry.name)
        owner = f"{cls.__module__.replace('.', '/')}.py"
        range_ = ranges.get(key) or ranges.get(f"{key}.*")
        shown = MISSING if is_dataclass(hint) or value is MISSING else _plain(value)
        meaning = said.get(entry.name) or plain_meaning(key) or _of_block(hint)
        yield SettingFact(key, hint, optional, shown, meaning, owner, range_, names_of(entry))
        inner, many = (
            (get_args(hint)[-1], True) if get_origin(hint) in (list, dict) else (hint, False)
        )
        if is_dataclass(inner):
            below = None if many or value is MISSING else value
            yield from _facts(inner, f"{key}.*." if many else f"{key}.", below, ranges)  # type: ignore[arg-type]


@cache
def meanings(cls: type) -> dict[str, str]:
    """The text below each field of a class, on one line."""
    found: dict[str, str] = {}
    # The class's own text last, so that it replaces one that it inherits.
    for base in reversed(cls.__mro__):
        if not is_dataclass(base):
            continue
        # Python keeps no docstrings of fields, so the source itself is read.
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(tree, ast.ClassDef)
        for statement, after in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(after, ast.Expr):
                text = after.value.value if isinstance(after.value, ast.Constant) else ""
                found[ast.unparse(statement.target)] = " ".join(str(text).split())
    return found


def _of_block(hint: Any) -> str:
    """The first paragraph on a block's class; what dataclasses write there themselves says
    nothing.
    """
    if not isinstance(hint, type) or not is_dataclass(hint):
        return ""
    text = inspect.cleandoc(hint.__doc__ or "")
    # dataclass writes its signature where a class has no docstring.
    return "" if text.startswith(f"{hint.__name__}(") else " ".join(text.split("\n\n")[0].split())


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    inner = [arg for arg in get_args(hint) if arg is not type(None)]
    return inner[0], len(inner) < len(get_args(hint))


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if is_dataclass(value):
        made = {}
        for entry in fields(value):
            made[entry.name] = _plain(getattr(value, entry.name))
        return made
    return value
