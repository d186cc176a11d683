"""Counts say what stands in the text, and the completion's alone know nothing of the prompt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.factors.cues import COUNT_NAMES, RELATION_NAMES, counts, relation
from reward.factors.texts import Exchange


def named(text: str) -> dict[str, float]:
    return dict(zip(COUNT_NAMES, counts(Exchange("p", text)), strict=True))


def test_cues_are_counted_in_the_opening_and_in_all() -> None:
    found = named("Sorry, I can't. " + "word " * 60 + "Sorry again.")
    assert found["sorry/opening"] == 1
    assert found["sorry/all"] == pytest.approx(np.log(3))
    assert found["rule"] == 1
    assert found["rule_partial"] == 0


def test_repetition_is_seen() -> None:
    loop, plain = (
        named("the cat sat " * 20),
        named("a cat sat on one mat while two dogs slept near the warm red stove"),
    )
    assert loop["repeated_trigrams"] > 0.9
    assert plain["repeated_trigrams"] == 0
    assert loop["distinct_words"] < 0.1 < plain["distinct_words"]


def test_an_echo_shares_everything_with_its_prompt() -> None:
    echo = dict(
        zip(
            RELATION_NAMES,
            relation(Exchange("how do owls hunt at night", "how do owls hunt at night")),
            strict=True,
        )
    )
    assert set(echo.values()) == {1.0}
    other = relation(Exchange("how do owls hunt at night", "Pasta needs salt."))
    assert other == [0.0] * 5


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_texts_have_finite_numbers_of_fixed_length(prompt: str, text: str) -> None:
    found = counts(Exchange(prompt, text)) + relation(Exchange(prompt, text))
    assert len(found) == len(COUNT_NAMES) + len(RELATION_NAMES)
    assert np.isfinite(found).all()
    assert counts(Exchange("other", text)) == counts(Exchange(prompt, text))
