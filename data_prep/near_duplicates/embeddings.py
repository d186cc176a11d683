"""Which requests mean nearly the same, as a sentence-embedding model sees it: cosine of their
vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.config import EmbeddingConfig
from data_prep.near_duplicates.groups import Chains, first_positions
from data_prep.near_duplicates.similarity_join import Ints, Near, Wanted
from data_prep.wording import normalise

BLOCK = 1024
"""Rows of either side that are multiplied at a time: 4 MB of cosines, and 100 MB in all where every
two of them are near."""
ROUNDING = 1e-6
"""What the float32 cosine of a vector with itself may lack of 1."""

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
"""Texts to rows of length 1; of length 0 for a text that the model knows nothing of."""


def cosine_within(
    vectors: Vectors, threshold: float, wanted: Wanted | None = None
) -> Iterator[Near]:
    """Every two rows at or above the threshold, once, the later one left; `wanted` may decline
    pairs.
    """
    for rows in _blocks(len(vectors)):
        # Up to this block only: the similarity of two rows is the same either way round.
        for columns in _blocks(rows.stop):
            cosine = vectors[rows] @ vectors[columns].T
            left, right = np.nonzero(cosine >= threshold - ROUNDING)
            similarity = cosine[left, right]
            left, right = left + rows.start, right + columns.start
            kept = right < left
            if wanted:
                # `wanted` is asked about rows left of the diagonal only; the others are not yielded
                # at all.
                kept[kept] = wanted(left[kept], right[kept])
            yield Near(left[kept], right[kept], _cosine(similarity[kept]))


def cosine_nearest(left: Vectors, right: Vectors, threshold: float) -> Near:
    """Every left row that reaches the threshold, once, with the nearest right row; of equally near
    ones the first.
    """
    best, place = np.full(len(left), -np.inf, np.float32), np.zeros(len(left), np.int64)
    for rows in _blocks(len(left)):
        for columns in _blocks(len(right)):
            cosine = left[rows] @ right[columns].T
            found = cosine.argmax(axis=1)
            similarity = cosine[np.arange(len(found)), found]
            # Strictly above, so that the first of equally near rows is kept, whatever the block
            # size.
            nearer = similarity > best[rows]
            best[rows] = np.where(nearer, similarity, best[rows])
            place[rows] = np.where(nearer, found + columns.start, place[rows])
    kept = np.flatnonzero(best >= threshold - ROUNDING)
    return Near(kept, place[kept], _cosine(best[kept]))


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))


def _cosine(product: Vectors) -> NDArray[np.float64]:
    # Rounding can leave 1.0000001 for a text with itself, which reports would print.
    return np.minimum(product.astype(np.float64), 1.0)


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """Every text of a run with its vector; a text without words has none and is near nothing."""

    config: EmbeddingConfig
    places: dict[str, int]
    vectors: Vectors
    """The last row is zero, for texts without words."""

    def nearest(self, texts: Sequence[str], others: Sequence[str]) -> Near:
        """Every text that reaches the threshold to any other, once, with the nearest."""
        return cosine_nearest(
            self.vectors[self._rows(texts)], self.vectors[self._rows(others)], self.config.threshold
        )

    def groups(self, texts: Sequence[str]) -> list[int]:
        """For each text the position of the first text in its single-link group."""
        # Equal texts share one vector; compared once, a thousand copies cost nothing.
        rows, members = np.unique(self._rows(texts), return_inverse=True)
        chains = Chains(len(rows))
        for near in cosine_within(self.vectors[rows], self.config.threshold, wanted=chains.apart):
            chains.add(near)
        chains.join()
        groups: list[int] = chains.labels[members].tolist()
        # All texts without words share one row, and are apart all the same.
        return first_positions(
            # A text without words gets a number of its own: complements cannot collide with group
            # numbers.
            group if self.places[text] >= 0 else ~place
            for place, (group, text) in enumerate(zip(groups, texts, strict=True))
        )

    def _rows(self, texts: Sequence[str]) -> Ints:
        return np.array([self.places[text] for text in texts], np.int64)


def embeddings_of(texts: Iterable[str], embed: Embed, config: EmbeddingConfig) -> Embeddings:
    """`embed` is asked once, for each different text that has a word."""
    places = dict.fromkeys(texts, -1)
    worded = [text for text in places if normalise(text)]
    places |= {text: row for row, text in enumerate(worded)}
    vectors = embed(worded) if worded else np.zeros((0, 1), np.float32)
    assert vectors.dtype == np.float32, "cosines in another type take other memory"
    lengths = np.linalg.norm(vectors, axis=1)
    assert ((np.abs(lengths - 1) < 1e-3) | (lengths == 0)).all(), "a vector is not of length 1"
    assert len(vectors) == len(worded), "one vector a text"
    return Embeddings(
        config=config,
        places=places,
        vectors=np.vstack([vectors, np.zeros_like(vectors, shape=(1, vectors.shape[1]))]),
    )
