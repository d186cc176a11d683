"""What is compared when two requests are compared: their words, whatever the case and punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from records.rows import Message

APOSTROPHES = re.compile("['\u2019\u02bc]")
WORD = re.compile(r"\w+")


def request_text(prompt: Sequence[Message]) -> str:
    """What the user says; a system message that all rows share would make them all look alike."""
    return "\n".join(message["content"] for message in prompt if message["role"] == "user")


def normalise(text: str) -> str:
    """Lower case, no punctuation, single spaces; apostrophes close up, so that "patient's" stays one word."""
    return " ".join(WORD.findall(APOSTROPHES.sub("", unicodedata.normalize("NFKC", text).casefold())))


def word_set(text: str, ngram: int = 1) -> frozenset[str]:
    """The words of a text, or its runs of `ngram` words; a text of fewer words is one run."""
    words = normalise(text).split()
    return frozenset(" ".join(words[start : start + ngram]) for start in range(max(bool(words), len(words) - ngram + 1)))


def unit_name(ngram: int) -> str:
    return "words" if ngram == 1 else f"runs of {ngram} words"


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Shared words over all words of both; 0 where neither has any."""
    shared = len(left & right)
    return shared / max(1, len(left) + len(right) - shared)
