"""The JSON schema of a run's config, for editors: they complete keys, show meanings and mark what
is wrong.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pipeline.run.config import RunConfig
from pipeline.run.setting_facts import SettingFact, setting_facts
from records.setting_ranges import Range

Json = dict[str, Any]
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def config_schema() -> Json:
    """Of a whole file, in the words of draft 2020-12."""
    facts = {fact.key: fact for fact in setting_facts()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run of Primum",
        **_block(RunConfig, "", facts),
    }


def _block(cls: type, prefix: str, facts: dict[str, SettingFact]) -> Json:
    hints = get_type_hints(cls)
    properties = {}
    for entry in fields(cls):
        properties[entry.name] = _described(hints[entry.name], f"{prefix}{entry.name}", facts)
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _described(hint: Any, key: str, facts: dict[str, SettingFact]) -> Json:
    fact = facts[key]
    found = _choice(fact.names) if fact.names else _value(hint, key, facts, fact.range)
    if fact.meaning:
        found["description"] = fact.meaning
    if fact.default is not MISSING:
        found["default"] = fact.default
    return found


def _value(hint: Any, key: str, facts: dict[str, SettingFact], range_: Range | None) -> Json:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = next(arg for arg in get_args(hint) if arg is not type(None))
        return {"anyOf": [_value(inner, key, facts, range_), {"type": "null"}]}
    if origin is list:
        return {"type": "array", "items": _value(get_args(hint)[0], f"{key}.*", facts, range_)}
    if origin is dict:
        inner = _value(get_args(hint)[-1], f"{key}.*", facts, range_)
        return {"type": "object", "additionalProperties": inner}
    if isinstance(hint, type) and is_dataclass(hint):
        return _block(hint, f"{key}.", facts)
    if origin is Literal:
        return _choice(get_args(hint))
    plain = {"type": _TYPES.get(hint, "string"), **(_limits(range_) if range_ else {})}
    # JSON Schema has no gap in a range, so 0 stands beside it.
    if hint in (int, float) and range_ and range_.or_zero:
        plain = {"anyOf": [plain, {"const": 0}]}
    return plain


def _choice(names: Sequence[Any]) -> Json:
    return {"enum": list(names)}


def _limits(range_: Range) -> Json:
    low = "exclusiveMinimum" if range_.without_low else "minimum"
    high = "exclusiveMaximum" if range_.without_high else "maximum"
    return {low: range_.low, high: range_.high}
