"""How sure a model was of the word that its verdict is: the probabilities of the words that
might have stood there."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

ALTERNATIVES = 5
"""Tokens that a server is asked to name at each place, the likeliest ones; 5 is the most that
all servers allow."""


class Choice(NamedTuple):
    """One token of a reply: where it stands in the text, and the log-probabilities of the tokens
    that might have stood there."""

    start: int
    end: int
    alternatives: Mapping[str, float]

    @classmethod
    def from_row(cls, row: Any) -> Choice:
        """As the journal has it."""
        start, end, alternatives = row
        return cls(
            int(start), int(end), {str(text): float(logp) for text, logp in alternatives.items()}
        )


def aligned(
    tokens: Sequence[str], alternatives: Sequence[Mapping[str, float]], text: str
) -> list[Choice]:
    """Each token with its place in `text`, which may lack white space and special tokens at its
    ends.

    Empty where the tokens do not spell the text (a server that splits letters over tokens): then
    nothing is known.
    """
    # A reply's text is stripped and without special tokens, which the tokens still have.
    spelled = "".join(tokens)
    shift = spelled.find(text)
    if not text or shift < 0 or len(tokens) != len(alternatives):
        return []
    choices, place = [], -shift
    for token, found in zip(tokens, alternatives, strict=True):
        choices.append(Choice(place, place + len(token), found))
        place += len(token)
    return choices


def worth_keeping(choices: Iterable[Choice], words: Collection[str]) -> list[Choice]:
    """Those at which one of the words might have begun."""
    made: list[Choice] = []
    for choice in choices:
        if any(_words_begun(text, words) for text in choice.alternatives):
            made.append(choice)
    return made


def chances(
    choices: Iterable[Choice], place: int, words: Collection[str]
) -> dict[str, float] | None:
    """The probability of each word at this place of the text, among the words; None where the
    choice is not known.

    A word's probability is that of the tokens that begin it and none of the others: "un" and
    "unsafe" for unsafe.
    """
    at = []
    for choice in choices:
        if choice.start <= place < choice.end:
            at.append(choice)
    if not at:
        return None
    found = dict.fromkeys(words, 0.0)
    for text, logp in at[0].alternatives.items():
        begun = _words_begun(text, words)
        # A token that begins several words ("un" where unsafe and unknown are possible) tells none
        # of them.
        if len(begun) == 1:
            found[begun[0]] += math.exp(logp)
    # Among the words alone: what else the model might have said is no verdict.
    total = sum(found.values())
    return {word: chance / total for word, chance in found.items()} if total else None


def entropy(probabilities: Iterable[float]) -> float:
    """In nats: 0 for certainty, ln n for n equal chances."""
    return sum(-chance * math.log(chance) for chance in probabilities if chance > 0)


def _words_begun(token: str, words: Collection[str]) -> list[str]:
    text = token.strip().lower()
    kept: list[str] = []
    for word in words:
        if text and word.lower().startswith(text):
            kept.append(word)
    return kept
