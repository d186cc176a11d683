"""Typed records that are one JSON object each: a frozen dataclass says what the object holds.

A field is read by its annotation: a plain value, `X | None`, `Mapping[str, X]`, `tuple[X, ...]`,
another record, or anything else with `from_json` and `to_json`. What may be `None` may be left out.
An entry without a field is passed over: a later version may write more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from records.own_files import Object, entry, object_of

PLAIN = (bool, int, float, str)


@dataclass(frozen=True)
class Absent:
    """In an `Annotated` field: where its value is None and `when` holds of the record, its entry is
    left out, and is not null.
    """

    when: Callable[[Any], bool] = lambda record: True


@dataclass(frozen=True)
class Inline:
    """In an `Annotated` field: the entries of this record stand among those of the whole."""


@dataclass(frozen=True)
class Key:
    """In an `Annotated` field: its entry has another name than the field."""

    name: str


ABSENT, INLINE = Absent(), Inline()


class JsonRecord:
    """What a dataclass of this kind inherits."""

    @classmethod
    def from_json(cls, value: Object) -> Self:
        """Raises ValueError that names the entry with another shape."""
        known = {}
        for one in _fields(cls):  # type: ignore[arg-type]  # mypy: a class has its own hash
            if one.inline:
                known[one.name] = one.wanted.from_json(value)
            elif one.key in value:
                known[one.name] = _read(one.key, value[one.key], one.wanted)
            # Read as None on purpose: the reader's message then says what was wanted there, and a
            # field that may be None takes it.
            elif one.required:
                known[one.name] = _read(one.key, None, one.wanted)
        return cls(**known)

    def to_json(self) -> Object:
        """The object that `from_json` reads."""
        made: Object = {}
        for one in _fields(type(self)):  # type: ignore[arg-type]  # as above
            value = getattr(self, one.name)
            if one.inline:
                made.update(value.to_json())
            elif not one.left_out(self, value):
                made[one.key] = plain(value)
        return made


def plain(value: Any) -> Any:
    """The value as JSON has it."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


@dataclass(frozen=True)
class _Field:
    name: str
    key: str
    wanted: Any
    required: bool
    inline: bool
    absent: Absent | None

    def left_out(self, record: JsonRecord, value: Any) -> bool:
        return value is None and self.absent is not None and self.absent.when(record)


@cache
def _fields(cls: Any) -> tuple[_Field, ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple(_field(one, hints[one.name]) for one in dataclasses.fields(cls))


def _field(one: dataclasses.Field[Any], hint: Any) -> _Field:
    annotated = get_origin(hint) is Annotated
    wanted, *marks = get_args(hint) if annotated else (hint,)
    has_default = (
        one.default is not dataclasses.MISSING or one.default_factory is not dataclasses.MISSING
    )
    return _Field(
        name=one.name,
        key=next((mark.name for mark in marks if isinstance(mark, Key)), one.name),
        wanted=wanted,
        required=not has_default,
        inline=INLINE in marks,
        absent=next((mark for mark in marks if isinstance(mark, Absent)), None),
    )


def _read(name: str, value: Any, wanted: Any) -> Any:
    """The value of an entry as its type. Raises ValueError that begins with the entry's name."""
    if wanted is Any:
        return value
    if wanted in PLAIN:
        return entry({name: value}, name, wanted)
    # `X | None` and `Optional[X]` have different origins (types.UnionType and typing.Union).
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        return _read_any(name, value, inner)
    if origin is Literal:
        if value not in inner:
            raise ValueError(f"{name}: wanted one of {', '.join(map(str, inner))}, got {value!a}")
        return value
    if origin is not None and issubclass(origin, Mapping):
        return _read_mapping(name, entry({name: value}, name, dict), inner[1])
    if origin is not None and issubclass(origin, Sequence):
        # Tuples: a record is frozen, and a list in it could still be changed.
        rows = entry({name: value}, name, list)
        return tuple(_read(f"{name} {place}", row, inner[0]) for place, row in enumerate(rows))
    return _read_record(name, value, wanted)


def _read_any(name: str, value: Any, kinds: Sequence[Any]) -> Any:
    """The first kind that the value fits."""
    if value is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    # The last kind is read outside of the loop, so that its message is the one that the user sees.
    for kind in others[:-1]:
        try:
            return _read(name, value, kind)
        except ValueError:
            continue
    return _read(name, value, others[-1])


def _read_mapping(name: str, value: Object, wanted: Any) -> Object:
    found: Object = {}
    for key, one in value.items():
        try:
            found[key] = _read(key, one, wanted)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return found


def _read_record(name: str, value: Any, wanted: Any) -> Any:
    try:
        return wanted.from_json(object_of(value))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
