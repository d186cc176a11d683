"""What the heads read of a completion: its text, its opening, its beginning, and what the user
asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from records.rows import Completion, Message, text_of

OPENING_WORDS = 40
BODY_WORDS = 160
"""The sentence embedder reads about 256 word pieces; longer texts are known to it by their
beginning, to the vocabulary whole."""
_WORD = re.compile(r"[a-z0-9']+")


class Exchange(NamedTuple):
    """One prompt and one completion as plain texts."""

    prompt: str
    completion: str

    @property
    def opening(self) -> str:
        """The first words of the completion, where most refusals show."""
        return first_words(self.completion, OPENING_WORDS)

    @property
    def body(self) -> str:
        """As much of the completion as the embedder is given."""
        return first_words(self.completion, BODY_WORDS)


def exchange_of(completion: Completion) -> Exchange:
    """What the user asked in all turns, its end where it is long, and the assistant's words."""
    return Exchange(asked(completion.prompt), plain(text_of(completion.completion)))


def asked(prompt: Sequence[Message]) -> str:
    """The user's messages, the last BODY_WORDS words of them."""
    turns = []
    for message in prompt:
        if message["role"] == "user":
            turns.append(message["content"])
    # From the end: of a long conversation the completion is about the last turn.
    return " ".join(plain("\n".join(turns)).split()[-BODY_WORDS:])


def asked_last(prompt: Sequence[Message]) -> str:
    """The user's last message, the last BODY_WORDS words of it."""
    turns = [message for message in prompt if message["role"] == "user"]
    return asked(turns[-1:])


def plain(text: str) -> str:
    """Curly apostrophes straightened, so that cues and vocabulary see one spelling."""
    return text.replace("\u2019", "'")


def first_words(text: str, count: int) -> str:
    """At most so many words of a text, from its start."""
    return " ".join(text.split()[:count])


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers of a plain text."""
    return _WORD.findall(text.lower())
