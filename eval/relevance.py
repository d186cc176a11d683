"""Does a completion belong to its own prompt?

What a policy that says the same to everybody cannot show.

`relevance` is the share of a suite's other prompts that a completion fits less well than its own
prompt, a tie counting half: 1 where it fits no other prompt as well, 1/2 by chance. A policy whose
completions do not depend on the prompt has a mean of exactly 1/2, whatever it says: of any two
prompts, the one constant fits one better.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np

COPIED_WORDS = 4
"""So many words in a row that stand in the prompt too are copied; they show nothing."""
COMMON_FROM = 0.2
"""A word in more than this share of a policy's completions is one of its phrases and belongs to no
prompt."""
OWN_WORDS = 3
"""Content words that a completion must hold besides the prompt's and the policy's phrases to say
anything of its own."""
PARTS = (3, 5)
"""Letters of the parts that words are compared by, so that 'infected' fits 'infection'."""
BLOCK = 1024
"""Completions compared at once, so that memory grows with the prompts and not with their square."""
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")


class Relevance:
    """Of completions to the prompts of one suite.

    Similarity is the cosine of TF-IDF vectors of parts of words, fitted on the prompts.
    """

    def __init__(self, prompts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415  costs seconds

        self._asked = [_words(text) for text in prompts]
        self._vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=PARTS, preprocessor=_joined)
        # With one prompt, or none with a word of meaning, there is nothing to tell apart.
        comparable = len(prompts) > 1 and any(_content(words) for words in self._asked)
        # Fitted on the prompts alone: fitted on completions, each policy would be measured by its
        # own words.
        self._to_prompts = self._vectors.fit_transform(self._asked) if comparable else None

    def of(self, completions: Sequence[str]) -> list[float | None]:
        """One value from 0 to 1 a completion, in the prompts' order; 0 where it says nothing of its
        own (empty, echo, phrases only).

        All completions must be one policy's. None where the suite holds no other prompt to compare
        with.
        """
        if self._to_prompts is None:
            return [None] * len(completions)
        said = []
        for text, words in zip(completions, self._asked, strict=True):
            # Copies go before anything is compared: an echo fits its own prompt best of all.
            said.append(_without_copies(_words(text), words))
        return self._of(said)

    def of_own_words(self, completions: Sequence[str]) -> list[float | None]:
        """The same of the words that a completion adds: none that stands in its prompt counts.

        Naming what was asked shows nothing, so a policy whose added words do not depend on the
        prompt has a mean of at most 1/2, whatever it repeats.
        """
        if self._to_prompts is None:
            return [None] * len(completions)
        said = []
        for text, words in zip(completions, self._asked, strict=True):
            known = set(words)
            said.append([word for word in _words(text) if word not in known])
        return self._of(said)

    def _of(self, said: Sequence[list[str]]) -> list[float | None]:
        own = _own_words(said, self._asked)
        shares = self._shares(said)
        made: list[float | None] = []
        for share, count in zip(shares, own, strict=True):
            # 0 and not unscored: saying nothing of one's own is the fault that is looked for.
            made.append(share if count >= OWN_WORDS else 0.0)
        return made

    def _shares(self, said: Sequence[list[str]]) -> list[float]:
        """Of each completion, the share of other prompts that it fits less well than its own."""
        assert self._to_prompts is not None
        vectors, shares = self._vectors.transform(said), []
        for start in range(0, len(said), BLOCK):
            similarity = (
                vectors[start : start + BLOCK] @ self._to_prompts.T
            ).toarray()  # (up to BLOCK, prompts)
            for row, values in enumerate(similarity):
                mine = values[start + row]
                # The prompt itself is among the equals, hence the 1; ties with others count half.
                wins = int((values < mine).sum()) + 0.5 * (int((values == mine).sum()) - 1)
                shares.append(wins / (len(said) - 1))
        return shares


def keywords(text: str) -> list[str]:
    """The content words of a text, each once, in their order."""
    return list(dict.fromkeys(_content(_words(text))))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # noqa: PLC0415  costs seconds

    return frozenset(ENGLISH_STOP_WORDS)


def _content(words: list[str]) -> list[str]:
    stop_words = _stop_words()
    kept: list[str] = []
    for word in words:
        if word not in stop_words and len(word) > 2:
            kept.append(word)
    return kept


def _joined(words: list[str]) -> str:
    """The content words as the text that they are compared by."""
    return " ".join(_content(words))


def _without_copies(words: list[str], prompt: list[str]) -> list[str]:
    """The words that are not part of a run of COPIED_WORDS that stands in the prompt."""
    runs = set()
    for place in range(len(prompt) - COPIED_WORDS + 1):
        runs.add(tuple(prompt[place : place + COPIED_WORDS]))
    copied = np.zeros(len(words), bool)
    for place in range(len(words) - COPIED_WORDS + 1):
        if tuple(words[place : place + COPIED_WORDS]) in runs:
            copied[place : place + COPIED_WORDS] = True
    found: list[str] = []
    for word, is_copied in zip(words, copied, strict=True):
        if not is_copied:
            found.append(word)
    return found


def _own_words(said: Sequence[list[str]], asked: Sequence[list[str]]) -> list[int]:
    """Of each completion, how many different content words stand neither in its prompt nor in the
    policy's phrases.
    """
    contents = [set(_content(words)) for words in said]
    frequency = Counter(word for words in contents for word in words)
    phrases = set()
    for word, count in frequency.items():
        # At least three completions, so that in a small suite a shared word is no phrase yet.
        if count > max(2, COMMON_FROM * len(said)):
            phrases.add(word)
    found: list[int] = []
    for words, prompt in zip(contents, asked, strict=True):
        found.append(len(words - phrases - set(prompt)))
    return found
