"""The words of a text, whatever its case and punctuation: what is compared, counted and called an
opening.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from records.rows import Message

APOSTROPHES = re.compile("['\u2019\u02bc]")
WORD = re.compile(r"\w+")
OPENING_WORDS = 3
_ASCII = {number: chr(number) if WORD.match(chr(number)) else " " for number in range(128)} | {
    ord("'"): ""
}
"""What becomes of a character of plain text, without a search."""


def placed_opening(text: str) -> list[str]:
    """The first words, each with its place, as in `0:i`, `1:cannot`, `2:help`."""
    return [f"{place}:{word}" for place, word in enumerate(words(text)[:OPENING_WORDS])]


def request_text(prompt: Sequence[Message]) -> str:
    """What the user says; a system message that all rows share would make them all look alike."""
    return "\n".join(message["content"] for message in prompt if message["role"] == "user")


def normalise(text: str) -> str:
    """Lower case, no punctuation, single spaces; apostrophes close up, so that "patient's" stays
    one word.
    """
    # Most texts are ASCII, and translate is many times quicker than a search by pattern.
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII).split())
    # NFKC first: full-width and composed letters must not make a copy look new.
    return " ".join(
        WORD.findall(APOSTROPHES.sub("", unicodedata.normalize("NFKC", text).casefold()))
    )


def words(text: str) -> list[str]:
    """The words of `normalise`; `len` of them is the length of a text wherever lengths are
    compared.
    """
    return normalise(text).split()


def opening(text: str) -> str:
    """The first three words; empty for a text without words."""
    return " ".join(words(text)[:OPENING_WORDS])


def word_set(text: str, ngram: int = 1) -> frozenset[str]:
    """The words of a text, or its runs of `ngram` words; a text of fewer words is one run."""
    found = words(text)
    return frozenset(
        " ".join(found[start : start + ngram])
        # At least one run for any text with a word, so that a short request can equal another.
        for start in range(max(bool(found), len(found) - ngram + 1))
    )


def unit_name(ngram: int) -> str:
    """What similarity counts, in words."""
    return "words" if ngram == 1 else f"runs of {ngram} words"


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Shared words over all words of both; 0 where neither has any."""
    shared = len(left & right)
    # max with 1: two texts without words share nothing, and 0 / 0 must not say so.
    return shared / max(1, len(left) + len(right) - shared)
