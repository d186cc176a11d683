"""Requests without meaning whose words are as common and as rare as those of text: the vocabulary
grows with the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

VOCABULARY = 2_000_000
FLATTENING = 2.7
"""Zipf's law after Mandelbrot: the word of rank r is drawn in proportion to 1 / (r + 2.7)."""
WORDS = (8, 30)
REWORDED = 0.1


@dataclass(frozen=True, kw_only=True)
class Planted:
    texts: list[str]
    origins: dict[int, int]
    """Position of a planted rewording to that of what it rewords."""


def synthetic_requests(count: int, *, seed: int, reworded: float = REWORDED) -> Planted:
    """`count` requests, of which that share are rewordings of others among them."""
    generator = np.random.default_rng(seed)
    planted = int(count * reworded)
    texts = _drawn(count - planted, generator)
    old = generator.integers(0, count - planted, planted).tolist()
    # At the end, so that an original's place is known before its rewording's.
    texts += [_reworded(texts[position], generator) for position in old]
    return Planted(
        texts=texts,
        origins={count - planted + number: position for number, position in enumerate(old)},
    )


def planted_near(prompts: Sequence[str], count: int, *, seed: int, share: float = 0.01) -> Planted:
    """`count` requests, of which that share are rewordings of the prompts."""
    generator = np.random.default_rng(seed)
    planted = int(count * share)
    old = generator.integers(0, len(prompts), planted).tolist()
    texts = [_reworded(prompts[position], generator) for position in old] + _drawn(
        count - planted, generator
    )
    return Planted(texts=texts, origins=dict(enumerate(old)))


def _drawn(count: int, generator: np.random.Generator) -> list[str]:
    weights = np.cumsum(1 / (np.arange(VOCABULARY) + FLATTENING))
    lengths = generator.integers(*WORDS, count, endpoint=True).tolist()
    found: list[str] = []
    for length in lengths:
        found.append(
            " ".join(
                f"w{rank}"
                for rank in np.searchsorted(weights, generator.random(length) * weights[-1])
            )
        )
    return found


def _reworded(text: str, generator: np.random.Generator) -> str:
    """Up to a quarter of the words replaced, then other case and punctuation."""
    words = text.split()
    for position in generator.choice(
        len(words), int(generator.integers(0, len(words) // 4 + 1)), replace=False
    ).tolist():
        # "x" and not "w": a replaced word is never one that the row had.
        words[position] = f"x{generator.integers(VOCABULARY)}"
    # What normalisation must see through.
    return " ".join(words).upper() + "!"
