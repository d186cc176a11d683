"""A vocabulary holds words of many prompts; names, numbers and what one prompt says are not in
it.
"""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from reward.factors.features import TOKEN
from reward.factors.fit.vocabularies import vocabulary

TEXTS = [f"Ask the doctor about Smith, room {k}. Please call." for k in range(10)] + [
    "A rare word of one prompt"
] * 10
GROUPS = [str(k) for k in range(10)] + ["same"] * 10


def test_words_of_many_prompts_are_known_and_names_numbers_and_rare_words_are_not() -> None:
    terms = vocabulary(TEXTS, GROUPS).terms
    assert {"the", "doctor", "the doctor", "about"} <= set(terms)
    assert not {"smith", "about smith", "rare", "1", "room 1"} & set(terms)


def test_weights_are_scikit_learns() -> None:
    found = vocabulary(TEXTS, GROUPS)
    whole = TfidfVectorizer(ngram_range=(1, 2), token_pattern=TOKEN).fit(TEXTS)
    wanted = dict(zip(whole.get_feature_names_out(), whole.idf_, strict=True))
    np.testing.assert_allclose(found.idf, [wanted[term] for term in found.terms])
