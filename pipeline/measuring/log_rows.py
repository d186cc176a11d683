"""A row of somebody's log: which of its columns hold the prompt and the completion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from data_prep.sources.cells import structured
from data_prep.sources.columns import DIALOGUES, only_one, words
from data_prep.sources.conversations import CONTEXTS, with_earlier
from data_prep.sources.messages import messages_of
from data_prep.sources.sides import at_last_request
from records.excerpts import column_names
from records.rows import Message, assistant, user

PROMPTS = ("prompt", "question", "query", "request")
COMPLETIONS = ("completion", "response", "answer", "output", "reply")
LEAVE_ONE = "leave one of them in"
Row = Mapping[str, Any]


def asked_and_said(row: Row) -> tuple[list[Message], list[Message]]:
    """(prompt, completion). Raises ValueError for a row that lacks one of them, or leaves open
    which column it is.
    """
    dialogue = only_one(row, DIALOGUES, "conversation", LEAVE_ONE)
    column = only_one(row, COMPLETIONS, "completion", LEAVE_ONE) or _empty(row)
    said = _messages(row[column], column, assistant) if column else None
    asked = _asked(row)
    if asked is None and dialogue:
        asked, ended = at_last_request(messages_of(row[dialogue], dialogue))
        # A log of requests ends its messages with the user's; the reply has a column of its own.
        if said is not None and ended and ended != said:
            raise ValueError(
                f"{dialogue!r} ends with one completion and {column!r} is another; {LEAVE_ONE}"
            )
        said = ended or said
    if asked is None or said is None:
        lacking = " and ".join(
            name for name, part in (("prompt", asked), ("completion", said)) if part is None
        )
        raise ValueError(
            f"holds no {lacking}; wanted one of {', '.join((*PROMPTS, 'instruction', 'input'))} "
            f"and one of {', '.join(COMPLETIONS)}, or {', '.join(DIALOGUES)}; it has "
            f"{column_names(sorted(map(str, row)))}; rename the columns that hold them"
        )
    return with_earlier(asked, row), said


def _asked(row: Row) -> list[Message] | None:
    """The prompt by its column, None where the row has none; Alpaca's instruction with the input
    that belongs to it.
    """
    column = only_one(row, (*PROMPTS, "instruction"), "prompt", LEAVE_ONE)
    if column is None:
        column = only_one(row, ("input",), "prompt", LEAVE_ONE)
    context = only_one(row, CONTEXTS, "instruction's input", LEAVE_ONE)
    if column is None:
        return None
    if column != "instruction" or context is None:
        return _messages(row[column], column, user)
    # Without its input an instruction asks something else.
    return user(f"{words(row[column], column)}\n\n{words(row[context], context)}")


def _empty(row: Row) -> str | None:
    """The column of a completion that is there and empty: a model may write nothing."""
    return next((name for name in COMPLETIONS if row.get(name) == ""), None)


def _messages(value: Any, column: str, spoken: Callable[[str], list[Message]]) -> list[Message]:
    value = structured(value, column)
    if isinstance(value, str):
        return spoken(value)
    # A table's number is a text all the same.
    if isinstance(value, int | float):
        return spoken(words(value, column))
    return messages_of(value, column)
