"""The shapes of rows that are understood, one entry each: how a row of it is told, what it becomes,
and which columns it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from data_prep.config import SourceConfig
from data_prep.sources.cells import listed
from data_prep.sources.columns import (
    COMPLETIONS,
    DESCRIPTIVE,
    DIALOGUES,
    REQUESTS,
    UNUSABLE,
    VERDICTS,
    Row,
    is_given,
)
from data_prep.sources.conversations import CONTEXTS, SCORED_SIDES, SYSTEMS, conversation
from data_prep.sources.messages import foreign_keys
from data_prep.sources.preferences import (
    GRADES,
    HIGHER_IS_BETTER,
    RANKED,
    TEXTS,
    TWO,
    graded,
    is_graded,
    of_ranked,
    of_two,
    ranked_of,
    two_of,
)
from data_prep.sources.sides import Sides


class Shape(NamedTuple):
    """Shapes are tried in order; the first that fits reads the row."""

    name: str
    fits: Callable[[Row], bool]
    sides: Callable[[Row, SourceConfig], list[Sides]]
    columns: frozenset[str]


REQUEST = frozenset({"prompt", "instruction", "history", *REQUESTS, *CONTEXTS, *SYSTEMS})
GRADE = frozenset({*GRADES, "complexity", "verbosity"})
SHAPES = (
    Shape(
        "two completions",
        lambda row: two_of(row) is not None,
        of_two,
        REQUEST
        | frozenset(DIALOGUES)
        | {column for two in TWO for column in (*two.columns, *two.deciders)},
    ),
    Shape(
        "ranked completions",
        lambda row: ranked_of(row) is not None,
        of_ranked,
        REQUEST | frozenset({*DIALOGUES, *RANKED}),
    ),
    Shape(
        "a graded completion",
        is_graded,
        graded,
        REQUEST | GRADE | frozenset({"completion", *COMPLETIONS}),
    ),
    Shape(
        "a conversation",
        lambda row: True,
        conversation,
        REQUEST
        | frozenset({"completion", *COMPLETIONS, "chosen", "rejected", *DIALOGUES, *VERDICTS})
        | {column for sides in SCORED_SIDES for column in sides},
    ),
)
COMMON_WORDS = frozenset({*GRADES[1:], "complexity", "verbosity", "winner"})
"""Read where the row's shape has them; elsewhere they may mean anything."""
KNOWN = (
    DESCRIPTIVE | frozenset(UNUSABLE) | frozenset().union(*(shape.columns for shape in SHAPES))
) - COMMON_WORDS
TEXT_COLUMNS = frozenset(
    {"prompt", "instruction", *REQUESTS, "completion", *COMPLETIONS, "chosen", "rejected"}
) | {column for two in TWO for column in two.columns}
"""In which the word None is more likely the lack of a value than a text."""
_ITEM_KEYS = {*TEXTS, *HIGHER_IS_BETTER, "rank"}


def shape_of(row: Row) -> Shape:
    """Raises ValueError for a column that changes what the row means and that nothing can
    honour.
    """
    for column, what in UNUSABLE.items():
        if is_given(row.get(column)):
            raise ValueError(
                f"{column!r} holds {what}; take such rows out, or name the column in the source's "
                "ignore if it may be lost"
            )
    # The last shape fits every row, so next always finds one.
    return next(shape for shape in SHAPES if shape.fits(row))


def unread(row: Row, shape: Shape, config: SourceConfig) -> Iterator[str]:
    """Columns with a value that nothing reads.

    Raises ValueError for one whose meaning is known: it may not be passed over.
    """
    own = {config.prompt_field, config.completion_field}
    # Who names the columns has chosen among them.
    chosen = {
        *(REQUESTS if config.prompt_field != "prompt" else ()),
        *(COMPLETIONS if config.completion_field != "completion" else ()),
    }
    read = _read(row, shape, config)
    for column, value in row.items():
        if not is_given(value) or column in own:
            continue
        if column in read:
            yield from _unread_within(column, value)
        # Unknown columns are counted and told; only one whose meaning is known stops the source.
        elif column not in KNOWN or column in chosen:
            yield column
        else:
            raise ValueError(
                f"{column!r} is a column whose meaning is known and that has no place in this row "
                f"(read as {shape.name}); name it in the source's ignore, or rename it"
            )


def _unread_within(column: str, value: Any) -> Iterator[str]:
    """As `column.key`."""
    if column in (*DIALOGUES, "chosen", "rejected"):
        yield from sorted(set(foreign_keys(value, column)))
    elif column in RANKED and isinstance(value, list):
        items = [item for item in value if isinstance(item, dict)]
        keys = set()
        for item in items:
            for key in item:
                if is_given(item[key]):
                    keys.add(key)
        yield from sorted(f"{column}.{key}" for key in keys - _ITEM_KEYS)


def _read(row: Row, shape: Shape, config: SourceConfig) -> frozenset[str]:
    """What the shape reads of this row: of several columns that may be the prompt, only one."""
    asked = config.prompt_field if row.get(config.prompt_field) is not None else ""
    answered = config.completion_field if row.get(config.completion_field) is not None else ""
    return _read_beside(
        shape.columns,
        asked,
        "chosen" if not answered and is_given(row.get("chosen")) else answered,
        row.get("instruction") is not None,
        isinstance(listed(row.get("context")), list),
    )


# The same few combinations come for every row of a set.
@lru_cache
def _read_beside(
    columns: frozenset[str], asked: str, answered: str, instructed: bool, context_is_dialogue: bool
) -> frozenset[str]:
    read = columns | DESCRIPTIVE
    if asked:
        read -= {"instruction", *REQUESTS, "context"} - {asked}
    elif instructed:
        # `input` is Alpaca's context there and no request of its own.
        read -= set(REQUESTS) - {"input"}
    elif not context_is_dialogue:
        read -= {"context"}
    if answered:
        read -= set(COMPLETIONS) - {answered}
    return read
