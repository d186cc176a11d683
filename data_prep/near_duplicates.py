"""Which requests say nearly the same: word-set Jaccard, exact, with an inverted index over each text's rarest words."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from data_prep.records import Message

APOSTROPHES = re.compile("['\u2019\u02bc]")
WORD = re.compile(r"\w+")
ROUNDING = 1e-9


def request_text(prompt: Sequence[Message]) -> str:
    """What the user says; a system message that all rows share would make them all look alike."""
    return "\n".join(message["content"] for message in prompt if message["role"] == "user")


def normalise(text: str) -> str:
    """Lower case, no punctuation, single spaces; apostrophes close up, so that "patient's" stays one word."""
    return " ".join(WORD.findall(APOSTROPHES.sub("", unicodedata.normalize("NFKC", text).casefold())))


def word_set(text: str) -> frozenset[str]:
    return frozenset(normalise(text).split())


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Shared words over all words of both; 0 where neither has any."""
    shared = len(left & right)
    return shared / max(1, len(left) + len(right) - shared)


class Match(NamedTuple):
    position: int
    """Of the indexed text."""
    similarity: float


class WordIndex:
    """The texts at or above a word-set Jaccard from a given text, without comparing it with every one.

    J(x, y) >= t implies |x & y| >= ceil(t |x|), so x and y share one of x's |x| - ceil(t |x|) + 1 rarest words, which is
    also among y's: only those words are indexed and looked up. Every candidate is then measured, so nothing is approximate.
    """

    def __init__(self, texts: Iterable[str], threshold: float) -> None:
        self.threshold = threshold
        self.word_sets = [word_set(text) for text in texts]
        self._frequency = Counter(word for words in self.word_sets for word in words)
        self._positions: dict[str, list[int]] = defaultdict(list)
        for position, words in enumerate(self.word_sets):
            for word in self._rarest(words):
                self._positions[word].append(position)

    def matches(self, text: str) -> Iterator[Match]:
        words = word_set(text)
        for position in self._candidates(words):
            similarity = jaccard(words, self.word_sets[position])
            if similarity >= self.threshold:
                yield Match(position, similarity)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every two indexed texts at or above the threshold, once, the later one first."""
        for later, words in enumerate(self.word_sets):
            for earlier in self._candidates(words):
                if earlier < later and jaccard(words, self.word_sets[earlier]) >= self.threshold:
                    yield later, earlier

    def _rarest(self, words: frozenset[str]) -> list[str]:
        needed = math.ceil(self.threshold * len(words) - ROUNDING)
        return sorted(words, key=lambda word: (self._frequency[word], word))[: len(words) - needed + 1]

    def _candidates(self, words: frozenset[str]) -> set[int]:
        size = len(words)
        shortest, longest = self.threshold * size - ROUNDING, size / self.threshold + ROUNDING
        found = {position for word in self._rarest(words) for position in self._positions.get(word, ())}
        return {position for position in found if shortest <= len(self.word_sets[position]) <= longest}


class Union:
    """Things joined two by two; whatever is linked by any chain has one root."""

    def __init__(self) -> None:
        self._parent: dict[Hashable, Hashable] = {}

    def root(self, thing: Hashable) -> Hashable:
        parent = self._parent.setdefault(thing, thing)
        while parent != self._parent[parent]:
            parent = self._parent[parent]
        self._parent[thing] = parent
        return parent

    def join(self, left: Hashable, right: Hashable) -> None:
        self._parent[self.root(left)] = self.root(right)


def near_duplicate_groups(texts: Sequence[str], threshold: float) -> list[int]:
    """For each text the position of the first text in its single-link group: a chain of near-duplicates is one group."""
    union = Union()
    for later, earlier in WordIndex(texts, threshold).pairs():
        union.join(later, earlier)
    first: dict[Hashable, int] = {}
    return [first.setdefault(union.root(position), position) for position in range(len(texts))]
