"""Which requests say nearly the same: Jaccard of their word sets, or of their word n-grams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from data_prep.near_duplicates.similarity_join import Ints, Near, encode, near_across, near_within
from data_prep.wording import normalise


def near_pairs(texts: Iterable[str], threshold: float, ngram: int = 1) -> Iterator[Near]:
    """Every two texts at or above the threshold, once, with their similarity."""
    (sets,) = encode([_words(texts)], ngram)
    yield from near_within(sets, threshold)


def near_matches(
    texts: Iterable[str], others: Iterable[str], threshold: float, ngram: int = 1
) -> Iterator[Near]:
    """Every text (left) with every other (right) at or above the threshold, with their
    similarity.
    """
    left, right = encode([_words(texts), _words(others)], ngram)
    yield from near_across(left, right, threshold)


def _words(texts: Iterable[str]) -> Iterator[list[str]]:
    return (normalise(text).split() for text in texts)


class Chains:
    """Union over the numbers below `count`, for millions of links at a time."""

    def __init__(self, count: int) -> None:
        self.labels: Ints = np.arange(count)
        self._waiting: list[Near] = []
        self._links = 0

    def apart(self, left: Ints, right: Ints) -> NDArray[np.bool_]:
        """False where a chain is known already, so that the pair need not be measured."""
        found: NDArray[np.bool_] = self.labels[left] != self.labels[right]
        return found

    def add(self, near: Near) -> None:
        """Remember near pairs; they are joined once many wait."""
        self._waiting.append(near)
        self._links += len(near.left)
        # A join costs as much as the number of texts, so links wait until there are as many.
        if self._links > len(self.labels):
            self.join()

    def join(self) -> None:
        """Give all rows that waiting pairs link one label."""
        if self._waiting:
            left, right = (
                self.labels[np.concatenate(side)]
                for side in list(zip(*self._waiting, strict=True))[:2]
            )
            links = coo_array(
                (np.ones(len(left), bool), (left, right)), shape=(len(self.labels),) * 2
            )
            # Labels and not texts are joined: what was one chain stays one.
            self.labels = connected_components(links, directed=False)[1][self.labels]
        self._waiting, self._links = [], 0


def near_duplicate_groups(texts: Sequence[str], threshold: float, ngram: int = 1) -> list[int]:
    """For each text the position of the first text in its single-link group: a chain of
    near-duplicates is one group.
    """
    numbers: dict[str, int] = {}
    # Equal texts are one from the start, since many copies would be as many pairs squared; texts
    # without words are near nothing.
    members = [
        # NUL cannot be in a normalised text, so it marks one without words.
        numbers.setdefault(normalise(text) or f"\0{position}", len(numbers))
        for position, text in enumerate(texts)
    ]
    (sets,) = encode([([] if text.startswith("\0") else text.split() for text in numbers)], ngram)
    chains = Chains(len(numbers))
    # Whether two texts are linked already is asked first: a cluster of n copies has n^2 / 2 pairs.
    for near in near_within(sets, threshold, wanted=chains.apart):
        chains.add(near)
    chains.join()
    return first_positions(chains.labels[members].tolist())


def first_positions(labels: Iterable[int]) -> list[int]:
    """For each label the position where it comes first."""
    first: dict[int, int] = {}
    return [first.setdefault(label, position) for position, label in enumerate(labels)]
