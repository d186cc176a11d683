"""What a stage's work sees of the run's config: a dataclass of the settings that it declares.

Its fields are named as the blocks of the config, and hold either a whole block or a `Part` of one.
Every setting that it holds counts in the stage's fingerprint, but for those that are `beside`: so
what is read and what counts cannot disagree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_type_hints

if TYPE_CHECKING:
    from pipeline.run.config import RunConfig

_COUNTS = "counts"
PartT = TypeVar("PartT", bound="Part")


class UndeclaredSetting(AttributeError):
    """A mistake in a stage, not one of the user's: its settings lack one that it reads."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some settings of a block."""

    if not TYPE_CHECKING:  # a type checker knows the fields

        def __getattr__(self, name: str) -> Any:
            # copy and pickle look for dunder methods, and go on where there is none.
            if name.startswith("__"):
                raise AttributeError(name)
            raise UndeclaredSetting(
                f"{type(self).__qualname__} of {type(self).__module__} has no {name}, which the "
                "stage reads; declare it there"
            )


@dataclass(frozen=True, kw_only=True)
class StageSettings(Part):
    """What every stage sees. Either seed counts in every fingerprint, see `Stage.seed`; a run may
    be moved to another directory.
    """

    seed: int
    run_dir: str


ALWAYS = tuple(field.name for field in dataclasses.fields(StageSettings))


def counted(*, but: Collection[str] = ()) -> Any:
    """A field whose block counts, but for these of its settings, which are beside."""
    return dataclasses.field(metadata={_COUNTS: ("but", tuple(but))})


def beside(*, but: Collection[str] = ()) -> Any:
    """A field whose block the result does not depend on, but for these of its settings, which
    count: where and how fast a stage runs, what it only says, and what decides which of `reads_if`
    and `files` there are, which count themselves.
    """
    return dataclasses.field(metadata={_COUNTS: ("only", tuple(but))})


def names_that_count(settings: type[Part]) -> tuple[str, ...]:
    """Dotted names of the settings and blocks that the fingerprint holds."""
    found = []
    for name in _names(settings, ""):
        if name not in ALWAYS:
            found.append(name)
    return tuple(found)


def _names(cls: type[Part], prefix: str) -> Iterator[str]:
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kind, path = hints[field.name], f"{prefix}{field.name}"
        how: Literal["but", "only"]
        how, names = field.metadata.get(_COUNTS, ("but", ()))
        if how == "only":
            yield from (f"{path}.{name}" for name in names)
        elif names:
            inner = [one.name for one in dataclasses.fields(kind)]
            yield from (f"{path}.{name}" for name in inner if name not in names)
        elif _is_part(kind):
            yield from _names(kind, f"{path}.")
        else:
            yield path


def seen(settings: type[PartT], config: RunConfig) -> PartT:
    """The settings that a stage declares, of a run's config."""
    return _taken(settings, config)


def _taken(cls: type[PartT], block: Any) -> PartT:
    hints = get_type_hints(cls)
    values = {}
    for field in dataclasses.fields(cls):
        kind, value = hints[field.name], getattr(block, field.name)
        # Taken field by field: whatever is not declared is not there, so that it cannot be read by
        # mistake.
        values[field.name] = _taken(kind, value) if _is_part(kind) else value
    return cls(**values)


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Part)
