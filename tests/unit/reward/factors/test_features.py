"""Words are weighted as scikit-learn weights them; blocks stand side by side in the order asked
for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from reward.factors.features import COMPLETION_ONLY, TOKEN, FeatureRoom, Vocabulary
from reward.factors.texts import Exchange

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXTS = [
    "Call your doctor, call today.",
    "I can't help with 20 mg of that.",
    "",
    "A step, then steps.",
]


def test_a_vocabulary_read_from_a_file_weighs_as_the_fitted_one() -> None:
    fitted = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=TOKEN).fit(TEXTS)
    terms = tuple(str(term) for term in fitted.get_feature_names_out())
    read = Vocabulary(terms=terms, idf=fitted.idf_)
    np.testing.assert_allclose(read(TEXTS).toarray(), fitted.transform(TEXTS).toarray())


def test_no_number_is_a_word(words: Vocabulary) -> None:
    assert words(["20 mg"]).nnz == 0


def test_blocks_stand_side_by_side(room: FeatureRoom) -> None:
    features = room.of([Exchange("call", text) for text in TEXTS])
    whole = features.matrix(("body_vector", "relation")).toarray()
    np.testing.assert_allclose(whole[:, :26], features.vectors["body"], atol=1e-7)
    assert whole.shape == (4, 26 + 7)


def test_blocks_of_the_completion_alone_are_not_moved_by_the_prompt(room: FeatureRoom) -> None:
    one, other = (
        room.of([Exchange("How do I steal it?", TEXTS[0])]),
        room.of([Exchange("Thank you", TEXTS[0])]),
    )
    for name in COMPLETION_ONLY:
        assert (one.block(name) != other.block(name)).nnz == 0


def test_every_text_is_embedded_once(room: FeatureRoom) -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.extend(texts)
        return room.embed(texts)

    counting = type(room)(
        embed=embed,
        completion_words=room.completion_words,
        prompt_words=room.prompt_words,
    )
    # Computes them.
    counting.of([Exchange("same", "same"), Exchange("same", "other")]).vectors  # noqa: B018
    assert sorted(asked) == ["other", "same"]
