"""The range of every numeric setting, and the names that a text may be: stated beside the default,
and checked here alone.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from records.json_types import JsonObject

MANY = 1_000_000_000
"""The highest number of rows, prompts or tokens that a setting may name; nobody has more of
them."""
MOST_DIGITS = 24
_KEY, _NAMES = "range", "names"
ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included unless said otherwise. NaN is in no range."""

    low: float
    high: float
    without_low: bool = False
    without_high: bool = False
    or_zero: bool = False
    """0 has a meaning of its own, though it lies outside."""
    why: str = ""
    """What a number outside would do."""

    def holds(self, value: float) -> bool:
        """Whether a number lies in the range."""
        if self.or_zero and value == 0:
            return True
        # Both tests are false for NaN, which is how NaN is in no range.
        from_low = value > self.low if self.without_low else value >= self.low
        return from_low and (value < self.high if self.without_high else value <= self.high)

    def wanted(self, number: str) -> str:
        """The range in words, as in "a number above 0 and at most 1"."""
        if self.without_low or self.without_high:
            low = f"above {self.low}" if self.without_low else f"at least {self.low}"
            ends = f"{low} and {'below' if self.without_high else 'at most'} {self.high}"
        else:
            ends = f"from {self.low} to {self.high}"
        return f"{'0, or ' if self.or_zero else ''}{number} {ends}"


class NumericSetting(NamedTuple):
    """A setting that holds a number, or numbers in a list or by name (`*` in its key)."""

    key: str
    whole: bool
    range: Range | None
    """None where its field states none, which a test refuses."""
    optional: bool

    def means(self, key: str) -> bool:
        """Whether it is the setting of this key, which has a number or a name for each `*`."""
        own, other = self.key.split("."), key.split(".")
        return len(own) == len(other) and all(
            a in ("*", b) for a, b in zip(own, other, strict=True)
        )


class OutOfRange(NamedTuple):
    """One value that a setting cannot have."""

    key: str
    text: str
    """What it got, what is wanted, why, and what to do."""


def ranged(
    default: ValueT,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    or_zero: bool = False,
    why: str = "",
) -> ValueT:
    """A dataclass field with this default whose numbers lie between one of each two ends."""
    metadata = limits(
        at_least=at_least, above=above, at_most=at_most, below=below, or_zero=or_zero, why=why
    )
    found: ValueT = field(default=default, metadata=metadata)
    return found


def one_of(default: str, names: Collection[str]) -> str:
    """A dataclass field with this default whose text is one of `names`, a registry that may grow
    after the class is made.
    """
    found: str = field(default=default, metadata={_NAMES: names})
    return found


def names_of(entry: Field[Any]) -> tuple[str, ...]:
    """The names that a dataclass field's text may be; none where it is free."""
    return tuple(entry.metadata.get(_NAMES, ()))


def limits(
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    or_zero: bool = False,
    why: str = "",
) -> dict[str, Range]:
    """The metadata of a field whose numbers lie between one of each two ends.

    Raises TypeError where an end is not stated or stated twice.
    """
    low, high = at_least if above is None else above, at_most if below is None else below
    if low is None or high is None or None not in (at_least, above) or None not in (at_most, below):
        raise TypeError(
            "a range has a lower end (at_least or above) and an upper one (at_most or below)"
        )
    return {_KEY: Range(low, high, above is not None, below is not None, or_zero, why)}


class Ranged:
    """A block of settings that cannot be built with a number outside its range, or an unknown
    name.
    """

    def __post_init__(self) -> None:
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}  # type: ignore[arg-type]
        found = [fault for fault in _own_faults(type(self), values, "")]
        if found:
            raise ValueError(
                "; ".join(f"{type(self).__name__}.{fault.key}: {fault.text}" for fault in found)
            )


@cache
def numeric_settings(cls: type, prefix: str = "") -> tuple[NumericSetting, ...]:
    """Every numeric setting of a config class and the blocks in it, `*` for each entry of a
    list.
    """
    found: list[NumericSetting] = []
    for name, (kind, many, optional, range_, _) in _fields(cls).items():
        key = f"{prefix}{name}.*" if many else f"{prefix}{name}"
        if isinstance(kind, type) and is_dataclass(kind):
            found += numeric_settings(kind, f"{key}.")
        elif kind in (int, float):
            found.append(NumericSetting(key, kind is int, range_, optional))
    return tuple(found)


def range_faults(cls: type, values: JsonObject, prefix: str = "") -> Iterator[OutOfRange]:
    """Every number that is out of its range and every unknown name, in the plain values of a config
    class and the blocks in it.
    """
    yield from _own_faults(cls, values, prefix)
    for name, (kind, *_) in _fields(cls).items():
        # Blocks are walked as plain values and not as built objects: building stops at the first
        # fault, and all of them are to be reported at once.
        if isinstance(kind, type) and is_dataclass(kind):
            for key, block in _items(f"{prefix}{name}", values.get(name), list):
                if isinstance(block, Mapping):
                    yield from range_faults(kind, block, f"{key}.")


def not_a_number(cls: type, key: str, value: Any) -> Iterator[OutOfRange]:
    """Every value that is no number, in what is written for a setting or a block of a config
    class.
    """
    if isinstance(value, list | Mapping):
        for name, inner in _items(key, value, (list, Mapping)):
            yield from not_a_number(cls, name, inner)
        return
    for setting in numeric_settings(cls):
        if setting.means(key) and setting.range and not _reads(value, setting):
            yield OutOfRange(
                key, _fault(value, setting.range, whole=setting.whole, optional=setting.optional)
            )


def _reads(value: Any, setting: NumericSetting) -> bool:
    """YAML takes 1e-4 for a text, which is a number all the same."""
    if value is None or isinstance(value, bool):
        return value is None and setting.optional
    try:
        whole = int(value) if setting.whole else float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    # `batch: 8.5` must not be cut to 8; `8.0` is taken for 8, as YAML writers produce it.
    return not isinstance(value, float) or whole == value or not setting.whole


def _own_faults(cls: type, values: Mapping[str, Any], prefix: str) -> Iterator[OutOfRange]:
    for name, (kind, _, optional, range_, names) in _fields(cls).items():
        value = values.get(name)
        if names and isinstance(value, str) and value not in names:
            yield OutOfRange(f"{prefix}{name}", _unknown_name(value, names))
        if kind not in (int, float) or range_ is None:
            continue
        for key, value in _items(f"{prefix}{name}", values.get(name), (list, Mapping)):
            # YAML's `yes` is a bool, which Python counts as the number 1.
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if is_number and not range_.holds(value):
                yield OutOfRange(key, _fault(value, range_, whole=kind is int, optional=optional))


def _items(key: str, value: Any, several: Any) -> Iterator[tuple[str, Any]]:
    """The value itself, or where it holds several each of them by its own key."""
    if not isinstance(value, several):
        yield key, value
    else:
        inner = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, item in inner:
            yield f"{key}.{name}", item


def _fault(value: Any, range_: Range, *, whole: bool, optional: bool) -> str:
    number = "a whole number" if whole else "a number"
    why = f" ({range_.why})" if range_.why else ""
    null = ", or null for no limit" if optional else ""
    return (
        f"got {_shown(value)}, wanted {range_.wanted(number)}{null}{why}; set one, or leave it out "
        "for its default"
    )


def _unknown_name(value: str, names: Collection[str]) -> str:
    near = get_close_matches(value, names, n=1)
    meant = f"did you mean {near[0]}?" if near else "set one, or leave it out for its default"
    return f"got {_shown(value)}, wanted one of {', '.join(names)}; {meant}"


def _shown(value: Any) -> str:
    # bit_length is cheap where str() of an int of thousands of digits raises ValueError.
    if isinstance(value, int) and value.bit_length() > 4 * MOST_DIGITS:
        return f"a whole number of {value.bit_length()} bits"  # Python refuses to print the longest
    text = str(value) if isinstance(value, int | float) or value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


class _Field(NamedTuple):
    kind: Any
    many: bool
    optional: bool
    range: Range | None
    names: Collection[str]
    """Not copied: a registry may grow after the fields are known."""


@cache
def _fields(cls: type) -> dict[str, _Field]:
    hints = get_type_hints(cls)
    return {entry.name: _field(hints[entry.name], entry) for entry in fields(cls)}


def _field(kind: Any, entry: Field[Any]) -> _Field:
    optional = many = False
    if get_origin(kind) in (Union, types.UnionType):
        inner = []
        for arg in get_args(kind):
            if arg is not type(None):
                inner.append(arg)
        optional, kind = len(inner) < len(get_args(kind)), inner[0] if len(inner) == 1 else kind
    if get_origin(kind) in (list, dict):
        many, kind = True, get_args(kind)[-1]
    return _Field(kind, many, optional, entry.metadata.get(_KEY), entry.metadata.get(_NAMES, ()))
