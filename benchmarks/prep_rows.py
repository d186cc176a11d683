"""Made-up rows for the prep stage: conversations of usual length, of which some are copies,
rewordings or share their opening words.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import ROOT
from benchmarks.synthetic_requests import FLATTENING, VOCABULARY

OPENINGS = (
    "How can I {} ?",
    "What is the best way to {} ?",
    "Write a letter to my insurer that says {} .",
    "My doctor told me to {} . Is that right?",
    "Explain to a patient why {} .",
    "Give me step-by-step instructions to {} .",
    "As a nurse, I need to {} . What should I do?",
    "{} . Can you help?",
)
"""Most requests of people begin and end in few ways."""
DECLINES = (
    "I can't help with that.",
    "No, I won't do this.",
    "I'm sorry, but I can't assist with that request.",
)
COPIES, REWORDED, WITHOUT_REJECTED, HARMFUL = 0.05, 0.1, 0.5, 0.5
REQUEST_WORDS, COMPLETION_WORDS = (5, 25), (30, 150)
BLOCK = 10_000
"""Rows at a time, so that a million of them never stand in memory."""
SENTENCE_WORDS = 14
SYLLABLES = tuple(f"{consonant}{vowel}" for consonant in "bdfgklmnprstv" for vowel in "aeiou")


class Words:
    """Words by rank, drawn as text draws them: the commonest are those of the project's own
    prompts, the others are made up.
    """

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        # Cumulated once: a draw is then a search among two million words.
        self._weights = np.cumsum(1 / (np.arange(VOCABULARY) + FLATTENING))
        self._known = _own_words()

    def drawn(self, lengths: tuple[int, int], count: int) -> list[str]:
        """`count` texts of so many words."""
        sizes = self._generator.integers(*lengths, count, endpoint=True)
        # All words of a block in one search, cut into texts afterwards.
        ranks = np.searchsorted(
            self._weights, self._generator.random(int(sizes.sum())) * self._weights[-1]
        )
        texts = np.split(ranks, np.cumsum(sizes)[:-1])
        return [" ".join(map(self._word, text.tolist())) for text in texts]

    def chance(self, count: int) -> list[float]:
        found: list[float] = self._generator.random(count).tolist()
        return found

    def _word(self, rank: int) -> str:
        if rank < len(self._known):
            return self._known[rank]
        parts = []
        # The rank written in syllables: different ranks are different words.
        while rank:
            rank, part = divmod(rank, len(SYLLABLES))
            parts.append(SYLLABLES[part])
        return "".join(parts)


def _own_words() -> list[str]:
    counts: Counter[str] = Counter()
    for path in sorted((ROOT / "data_prep" / "package_data").glob("principle_*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            counts.update(
                re.findall(
                    r"[a-z]+", f"{row['harmful']} {row['safe_answer']} {row['benign']}".lower()
                )
            )
    # Words of equal count by the alphabet: the same rows on every machine.
    return sorted(counts, key=lambda word: (-counts[word], word))


def made_rows(count: int, *, seed: int = 0) -> Iterator[dict[str, Any]]:
    """The same rows for the same count and seed."""
    words = Words(seed)
    for start in range(0, count, BLOCK):
        yield from _block(words, start, min(BLOCK, count - start))


def _block(words: Words, start: int, count: int) -> Iterator[dict[str, Any]]:
    requests = words.drawn(REQUEST_WORDS, count)
    completions, rejected = (
        words.drawn(COMPLETION_WORDS, count),
        words.drawn(COMPLETION_WORDS, count),
    )
    drawn = [words.chance(count) for _ in range(5)]
    asked: list[str] = []
    for number, (copies, way, harmful, alone, earlier) in enumerate(zip(*drawn, strict=True)):
        # Of this block only, which is what is in memory.
        old = asked[int(earlier * number)] if number else ""
        if number and copies < COPIES:
            text = old
        elif number and copies < COPIES + REWORDED:
            # Near in words and unlike in letters, as people's rewordings are.
            text = f"Please: {old.lower()}"
        else:
            text = OPENINGS[int(way * len(OPENINGS))].format(requests[number])
        asked.append(text)
        # From the same draw as the opening, stretched: the two must not go together.
        declines = f"{DECLINES[int(way * 97) % len(DECLINES)]} " if harmful < HARMFUL else ""
        row = {
            "id": f"row-{start + number}",
            "prompt": text,
            "completion": declines + _sentences(completions[number]),
            "kind": "harmful" if harmful < HARMFUL else "benign",
            "principle": 1 + int(earlier * 9) if harmful < HARMFUL else None,
            "licence": "CC0-1.0",
            "generator": "made",
        }
        yield row if alone < WITHOUT_REJECTED else {**row, "rejected": _sentences(rejected[number])}


def _sentences(text: str) -> str:
    words = text.split(" ")
    parts = (
        " ".join(words[start : start + SENTENCE_WORDS])
        for start in range(0, len(words), SENTENCE_WORDS)
    )
    return " ".join(f"{part.capitalize()}." for part in parts)


def write_rows(path: Path, count: int, *, seed: int = 0) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in made_rows(count, seed=seed):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
