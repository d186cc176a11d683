"""Which words the heads know: those of many prompts, in lower case, without numbers, so that no
person and no request is in them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from reward.factors.features import TOKEN, Vocabulary

MIN_GROUPS = 6
"""Different prompts in whose texts a term must stand."""
MAX_TERMS = 3000
LOWER_SHARE = 0.5
"""Of a word's occurrences; names are written with a capital."""
_ANY_CASE = re.compile(r"\b[A-Za-z][A-Za-z']+\b")


def vocabulary(texts: Sequence[str], groups: Sequence[str]) -> Vocabulary:
    """The MAX_TERMS terms of the most prompts that are words of the language and no names."""
    vectorizer = CountVectorizer(
        ngram_range=(1, 2), token_pattern=TOKEN, binary=True, min_df=MIN_GROUPS
    )
    present = vectorizer.fit_transform(texts)
    terms = vectorizer.get_feature_names_out()
    _, places = np.unique(groups, return_inverse=True)
    # (groups, texts): a product with (texts, terms) counts in how many groups a term stands.
    rows = sparse.csr_matrix((np.ones(len(texts)), (places, np.arange(len(texts)))))
    spread = np.asarray(((rows @ present) > 0).sum(axis=0)).ravel()
    common = lower_case_words(texts)
    kept = [
        place
        for place in np.argsort(-spread, kind="stable")
        if spread[place] >= MIN_GROUPS and _known(terms[place], common)
    ]
    # In alphabetical order, so that a new fit changes few lines of heads.json.
    chosen = sorted(kept[:MAX_TERMS], key=lambda place: str(terms[place]))
    documents = np.asarray(present.sum(axis=0)).ravel()[chosen]
    idf = np.log((1 + len(texts)) / (1 + documents)) + 1  # scikit-learn's smoothed weight
    return Vocabulary(terms=tuple(str(terms[place]) for place in chosen), idf=idf)


def lower_case_words(texts: Sequence[str]) -> set[str]:
    """Words that stand in lower case in at least LOWER_SHARE of their occurrences; contractions of
    "I" too.
    """
    every, lower = Counter[str](), Counter[str]()
    for text in texts:
        for word in _ANY_CASE.findall(text):
            every[word.lower()] += 1
            lower[word.lower()] += word.islower()
    found: set[str] = set()
    for word, count in every.items():
        # At half: words that often begin a sentence stay, names of people and brands go.
        if lower[word] >= LOWER_SHARE * count or word.startswith("i'"):
            found.add(word)
    return found


def _known(term: str, common: set[str]) -> bool:
    return all(word in common for word in term.split())
