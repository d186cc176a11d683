"""Plain text is normalised on a way of its own, with the same result."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from data_prep.wording import APOSTROPHES, WORD, normalise, placed_opening


@given(st.text(st.characters(max_codepoint=127)) | st.text())
def test_the_words_of_a_text_are_those_of_the_general_rule(text: str) -> None:
    folded = unicodedata.normalize("NFKC", text).casefold()
    assert normalise(text) == " ".join(WORD.findall(APOSTROPHES.sub("", folded)))


def test_the_words_of_an_opening_are_known_by_their_places() -> None:
    assert placed_opening("I can't help: call.") == ["0:i", "1:cant", "2:help"]
    assert placed_opening(" ") == []
