"""Replies that are kept: the same question to the same model is asked once, in this run or in an
earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from records.errors import RecordError
from reward.judges.choices import Choice
from reward.judges.journal import Journal
from reward.judges.journal_rows import ReplyRow
from reward.judges.question import Question, Replier, Reply


class KeptReplies:
    """A replier whose replies are in a journal the moment they arrive. What has no text (a
    server that is down) is asked again the next time."""

    def __init__(self, replier: Replier, journal: Journal) -> None:
        self._replier = replier
        self._journal = journal
        self._known = {
            str(row["reply"]): _reply(row, journal) for row in journal.rows if "reply" in row
        }
        self.found = 0
        """Questions that a kept reply has answered."""

    def replies(self, questions: Sequence[Question]) -> list[Reply]:
        """One a question, in the same order; equal questions are asked once."""
        asked_of = self._replier.asked_of()
        keys = [question.key(asked_of) for question in questions]
        new: dict[str, Question] = {}
        for key, question in zip(keys, questions, strict=True):
            if key not in self._known:
                # Equal completions, as greedy policies write them, are one request.
                new.setdefault(key, question)
        self.found += len(keys) - len(new)
        # `keep` is told the place among the new questions, not among all.
        named = list(new)
        failed: dict[str, Reply] = {}

        def keep(place: int, reply: Reply) -> None:
            if reply.text is None:
                # In memory only: kept, a server's bad hour would be the last word on a completion.
                failed[named[place]] = reply
                return
            self._journal.append(_row(named[place], reply))
            self._known[named[place]] = reply

        if new:
            self._replier.reply(list(new.values()), keep)
        found: list[Reply] = []
        for key in keys:
            found.append(self._known[key] if key in self._known else failed[key])
        return found


def _row(key: str, reply: Reply) -> ReplyRow:
    row: ReplyRow = {
        "reply": key,
        "text": reply.text,
        "cut": reply.cut,
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
    }
    if reply.choices:
        row["choices"] = list(reply.choices)
    return row


def _reply(row: dict[str, Any], journal: Journal) -> Reply:
    try:
        return Reply(
            text=str(row["text"]),
            cut=bool(row["cut"]),
            input_tokens=int(row["input_tokens"]),
            output_tokens=int(row["output_tokens"]),
            choices=tuple(map(Choice.from_row, row.get("choices", []))),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"{journal.path}: a reply has no readable {error}; move the file away, and its "
            "completions are asked about again"
        ) from error
