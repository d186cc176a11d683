"""The two sides of a preference, and the prompt that they answer."""

from __future__ import annotations

from typing import NamedTuple

from records.rows import Message


class Sides(NamedTuple):
    """One row's conversation; `rejected` is empty where the row holds no preference.

    A rejected side without a completion is one of which only that it is bad is known.
    """

    prompt: list[Message]
    completion: list[Message]
    rejected: list[Message]


def at_last_request(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """(messages up to the last of the user, those after it)"""
    last = max(
        (number for number, message in enumerate(messages) if message["role"] == "user"), default=-1
    )
    return messages[: last + 1], messages[last + 1 :]
