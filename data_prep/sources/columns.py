"""Columns by name: what each is read as, and values as the shapes of rows want them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Set
from typing import Any

from data_prep.config import SourceConfig
from records.excerpts import excerpt

Row = Mapping[str, Any]

DESCRIPTIVE = frozenset(
    {
        "id",
        "kind",
        "principle",
        "suite",
        "generator",
        "licence",
        "license",
        "topic",
        "twin_id",
        "split",
    }
)
"""What a row of any shape may say of itself."""
REQUESTS = ("question", "query", "request", "input")
"""Names under which others have the prompt. data.sources.prompt_field says so; only `instruction`
is understood without."""
COMPLETIONS = ("response", "output", "answer")
"""Names of the completion's column that are understood beside data.sources.completion_field."""
DIALOGUES = ("messages", "conversations", "conversation")
VERDICTS = {
    "label": True,
    "kto_tag": True,
    "is_safe": True,
    "is_response_safe": True,
    "is_response_unsafe": False,
    "response_label": True,
    "response_safety": True,
    "response_harm_label": False,
}
"""Columns that say of the completion whether it is a good one, and what they say of a good one:
true or false."""
_SAFE, _UNSAFE = ("safe", "unharmful", "harmless"), ("unsafe", "harmful")
UNUSABLE = {
    **dict.fromkeys(
        ("tools", "functions"), "tools that the policy may call, which no stage renders"
    ),
    **dict.fromkeys(("tool_calls", "function_call"), "calls of tools, which no stage renders"),
    **dict.fromkeys(("images", "image", "audio", "audios", "video", "videos"), "what is no text"),
    **dict.fromkeys(
        ("options", "choices", "opa"),
        "the options of a multiple-choice question; write them into the prompt",
    ),
    "labels": "labels of steps or of tokens, which no stage reads",
    **dict.fromkeys(
        ("is_harmful", "is_unsafe", "harmful", "unsafe"),
        "a verdict of which it is not said whether it is the prompt's or the completion's; call it "
        "`kind` (harmful, benign) or `is_response_safe`",
    ),
}
"""Columns that change what a row means and that nothing here can honour."""
MOST_WORD = 500
"""Characters of an id, a suite, a topic and the like."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DESCRIBE = "write it so, or name the column in the source's ignore"
_TRUE = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "desirable"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "undesirable"), False),
}


def is_given(value: Any) -> bool:
    """Whether a cell holds something: not empty, and no empty list or object."""
    return value is not None and value != "" and value != [] and value != {}


def named(row: Any, config: SourceConfig, known: Collection[str]) -> dict[str, Any]:
    """The row without the columns that the config ignores, names of known columns in our spelling,
    NaN as no value.

    Raises ValueError for what is no object, and for two columns that are one but for case.
    """
    if not isinstance(row, Mapping):
        raise ValueError(f"wanted an object with columns by name, got {type(row).__name__}")
    own = (config.prompt_field, config.completion_field)
    found: dict[str, Any] = {}
    for column, value in row.items():
        # Ignored before anything is understood of it, so that a column can always be got out of the
        # way.
        if column in config.ignore:
            continue
        name = (
            column
            if column in known or column in own
            else _respelled(str(column), row, {*known, *own})
        )
        if name in found:
            raise ValueError(
                f"the column {excerpt(name, 40)} is there twice but for case; rename one, or name "
                "it in the source's ignore"
            )
        # pandas writes NaN for an empty cell of a column of numbers.
        found[name] = None if isinstance(value, float) and math.isnan(value) else value
    return found


def _respelled(name: str, row: Row, exact: Set[str]) -> str:
    """The known name that it is but for case, spaces and hyphens."""
    # Read as an unknown column, the second one would be passed over in silence.
    again = re.fullmatch(r"(.+)\.[1-9]\d*", name)
    if again and again[1] in exact and again[1] in row:
        raise ValueError(
            f"the column {again[1]!r} is there twice (pandas calls the second {name!r}); rename one"
        )
    folded = re.sub(r"[ -]", "_", name.strip().lower())
    return folded if folded in exact else name


def only_one(row: Row, names: Collection[str], what: str, remedy: str) -> str | None:
    """The one of these columns that holds a value.

    Raises ValueError where several do and differ.
    """
    held = [name for name in names if is_given(row.get(name))]
    # Equal values are no contradiction: many sets hold one thing under two names.
    if len(held) > 1 and any(row[name] != row[held[0]] for name in held):
        raise ValueError(f"{' and '.join(map(repr, held))} may each be the {what}; {remedy}")
    return held[0] if held else None


def text(row: Row, column: str) -> str:
    """A descriptive column's word; empty where there is none.

    Raises ValueError for what is no word on one line.
    """
    value = row.get(column)
    if not is_given(value):
        return ""
    # A bool here is a verdict in the wrong column; its word would become a suite called "True".
    if (
        isinstance(value, bool)
        or not isinstance(value, str | int | float)
        or value in (math.inf, -math.inf)
    ):
        raise ValueError(
            f"{column!r} must be a word or a number, got {excerpt(value)}; {_DESCRIBE}"
        )
    word = str(value).strip()
    why = ""
    if len(word) > MOST_WORD:
        why = f"{len(word)} characters"
    elif odd := _CONTROL.search(word):
        why = f"the control character {odd[0]!r}"
    if why:
        raise ValueError(
            f"{column!r} must be at most {MOST_WORD} characters on one line, got {why}; {_DESCRIBE}"
        )
    return word


def words(value: Any, column: str) -> str:
    """A text, or a number as text. Raises ValueError for all else."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(
            f"{column!r} must be text, got {type(value).__name__} ({excerpt(value)}); write it "
            "out, or remove the row"
        )
    if not math.isfinite(value):
        raise ValueError(f"{column!r} must be text, got the number {value}; remove the row")
    return str(value)


def number(row: Row, column: str) -> float | None:
    """Of a number or of a text that is one; None where there is no value.

    Raises ValueError for all else.
    """
    value = row.get(column)
    if not is_given(value):
        return None
    try:
        # float(True) is 1.0, which would pass as a grade.
        found = math.nan if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"{column!r} must be a number, got {excerpt(value)}")
    return found


def is_good(row: Row, column: str) -> bool | None:
    """What a verdict says of the completion; None where it says nothing.

    Raises ValueError for what is no verdict.
    """
    word = str(row.get(column)).strip().lower()
    # A bare `label` may be the prompt's.
    if column != "label" and word in (*_SAFE, *_UNSAFE):
        return word in _SAFE
    said = truth(row, column)
    return None if said is None else said == VERDICTS[column]


def truth(row: Row, column: str) -> bool | None:
    """Of true and false, 1 and 0, as values or as words; None where there is no value.

    Raises ValueError for all else.
    """
    value = row.get(column)
    if not is_given(value):
        return None
    found = (
        _TRUE.get(str(value).strip().lower())
        if isinstance(value, bool | int | float | str)
        else None
    )
    if found is None:
        raise ValueError(
            f"{column!r} must say true or false of the completion, got {excerpt(value)}; "
            "name it in the source's ignore if it says something else"
        )
    return found
