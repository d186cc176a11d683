"""Exchanges as numbers: sentence embeddings, weighted words, counts.

Heads name the blocks that they read.
"""

# N = exchanges, D = numbers of a block.

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from reward.factors.cues import counts, relation
from reward.factors.texts import BODY_WORDS, Exchange, first_words

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to rows of length 1."""
TOKEN = r"(?u)\b[a-z][a-z']+\b"
"""Words of letters: no number enters a vocabulary, so neither a dose nor a telephone number
does."""


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Words and pairs of words with the weights that they had where the heads were fitted."""

    terms: tuple[str, ...]
    idf: NDArray[np.float64]

    @cached_property
    def vectorizer(self) -> TfidfVectorizer:
        """TF-IDF with the stored words and weights."""
        made = blank_vectorizer(vocabulary=list(self.terms))
        # With a given vocabulary scikit-learn takes stored weights and fits nothing.
        made.idf_ = np.asarray(self.idf, dtype=np.float64)
        return made

    def __call__(self, texts: Sequence[str]) -> sparse.csr_matrix:
        return self.vectorizer.transform(texts)


def blank_vectorizer(**options: object) -> TfidfVectorizer:
    """TF-IDF of words and pairs of words, counts dampened, rows of length 1: the settings of every
    vocabulary here.
    """
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=TOKEN, **options)


@dataclass(frozen=True, kw_only=True)
class FeatureRoom:
    """What turns exchanges into blocks."""

    embed: Embed
    completion_words: Vocabulary
    prompt_words: Vocabulary

    def of(self, exchanges: Sequence[Exchange]) -> Features:
        """Features of these exchanges, each kind computed when it is first asked for."""
        return Features(self, list(exchanges))


class Features:
    """The blocks of N exchanges, each computed when it is first asked for."""

    def __init__(self, room: FeatureRoom, exchanges: list[Exchange]) -> None:
        self.room, self.exchanges = room, exchanges
        self._made: dict[str, sparse.csr_matrix] = {}

    def __len__(self) -> int:
        return len(self.exchanges)

    def block(self, name: str) -> sparse.csr_matrix:
        """(N, D) of one of BLOCKS."""
        if name not in self._made:
            self._made[name] = sparse.csr_matrix(BLOCKS[name](self))
        return self._made[name]

    def matrix(self, names: Sequence[str]) -> sparse.csr_matrix:
        """(N, sum of D)"""
        # In the order in which the head names its blocks: its weights stand so.
        return sparse.hstack([self.block(name) for name in names], format="csr")

    @cached_property
    def vectors(self) -> dict[str, NDArray[np.float32]]:
        """Of prompt, opening and body; every different text is embedded once."""
        texts = {
            "prompt": [first_words(exchange.prompt, BODY_WORDS) for exchange in self.exchanges],
            "opening": [exchange.opening for exchange in self.exchanges],
            "body": [exchange.body for exchange in self.exchanges],
        }
        # A short completion is its own opening and body, and one prompt stands over many
        # completions.
        distinct = list(dict.fromkeys(text for column in texts.values() for text in column))
        rows = self.room.embed(distinct)
        place = {text: row for row, text in enumerate(distinct)}
        kept: dict[str, NDArray[np.float32]] = {}
        for name, column in texts.items():
            kept[name] = rows[[place[text] for text in column]]
        return kept


def _relation(features: Features) -> NDArray[np.float64]:
    shared = np.array([relation(exchange) for exchange in features.exchanges])
    found = features.vectors
    near = []
    for name in ("body", "opening"):
        # Rows have length 1, so the product is the cosine.
        near.append(np.sum(found["prompt"] * found[name], axis=1))
    return np.column_stack([shared, *near])


BLOCKS: dict[str, Callable[[Features], object]] = {
    "prompt_vector": lambda features: features.vectors["prompt"],
    "opening_vector": lambda features: features.vectors["opening"],
    "body_vector": lambda features: features.vectors["body"],
    "counts": lambda features: np.array([counts(exchange) for exchange in features.exchanges]),
    "relation": _relation,
    "completion_words": lambda features: features.room.completion_words(
        [e.completion for e in features.exchanges]
    ),
    "prompt_words": lambda features: features.room.prompt_words(
        [e.prompt for e in features.exchanges]
    ),
}
COMPLETION_ONLY = frozenset({"opening_vector", "body_vector", "counts", "completion_words"})
"""Blocks that no prompt moves."""
