"""What is wrong with a completion whatever it says: it is empty, says the same again and again, or
is not English.

Rules on words and letters; refusal and omission rules read English only, so what is in another
language is not judged by them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from eval.results.suite_result import Forms
from measures.estimates import rate_estimate

FORMS = ("empty", "repeated", "other_language")
GRAM = 4
MOST_REPEATED = 0.5
"""Distinct runs of four words among all, below which a text repeats itself."""
MIN_RUNS = 12
MIN_WORDS = 8
LEAST_ENGLISH = 0.15
"""Share of the commonest English words; prose has about 0.4, other European languages below 0.1."""
_COMMON = frozenset(
    {
        "the",
        "a",
        "an",
        "to",
        "of",
        "and",
        "you",
        "is",
        "in",
        "it",
        "or",
        "for",
        "that",
        "your",
        "if",
        "be",
        "not",
        "with",
        "i",
        "can",
    }
    | {
        "are",
        "this",
        "have",
        "on",
        "as",
        "do",
        "may",
        "should",
        "will",
        "by",
        "from",
        "but",
        "they",
        "their",
        "he",
        "she",
        "we",
        "at",
    }
    | {
        "was",
        "has",
        "any",
        "no",
        "so",
        "when",
        "what",
        "there",
        "which",
        "who",
        "how",
        "more",
        "would",
        "could",
        "please",
        "help",
    }
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


def form_of(text: str) -> str:
    """`empty`, `other_language`, `repeated`, or nothing where the text has none of these faults."""
    words = [word.lower() for word in _WORD.findall(text.replace("\u2019", "'"))]
    if not text.strip():
        return "empty"
    # Before repetition: other scripts have few word breaks and would look like repeats.
    if _is_foreign(text, words):
        return "other_language"
    runs = []
    for start in range(len(words) - GRAM + 1):
        runs.append(tuple(words[start : start + GRAM]))
    # Short texts repeat themselves by nature, hence the least number of runs.
    return (
        "repeated" if len(runs) >= MIN_RUNS and len(set(runs)) < MOST_REPEATED * len(runs) else ""
    )


def _is_foreign(text: str, words: Sequence[str]) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    # Half of the letters, so that a name in another script does no harm.
    if letters and sum(bool(_LATIN.match(letter)) for letter in letters) < len(letters) / 2:
        return True
    # Few words hold few common ones by chance, hence the least number of words.
    return len(words) >= MIN_WORDS and sum(word in _COMMON for word in words) < LEAST_ENGLISH * len(
        words
    )


def form_rates(texts: Sequence[str], confidence: float) -> Forms:
    """The share of each form."""
    found = [form_of(text) for text in texts]
    made = {}
    for form in FORMS:
        made[form] = rate_estimate([one == form for one in found], confidence)
    return Forms(**made)
