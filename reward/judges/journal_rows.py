"""The rows of a judge's journal: a reply that is kept, and what a request has taken."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from reward.judges.choices import Choice


class ReplyRow(TypedDict):
    """A reply under the name of its question."""

    reply: str
    text: str | None
    cut: bool
    input_tokens: int
    output_tokens: int
    choices: NotRequired[list[Choice]]


class SentRow(TypedDict):
    """Before a request, by its number: the most that it can take."""

    sent: int
    input_tokens: int
    output_tokens: int


class SettledRow(TypedDict):
    """After it: what the server says that it took."""

    settled: int
    input_tokens: int
    output_tokens: int


JournalRow = ReplyRow | SentRow | SettledRow
