"""Probabilities of the words that a verdict might have been."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.judges.choices import Choice, aligned, chances, entropy, worth_keeping


def at(**alternatives: float) -> list[Choice]:
    return [Choice(0, 5, {text: math.log(chance) for text, chance in alternatives.items()})]


def test_a_word_gets_the_probability_of_every_token_that_begins_it_alone() -> None:
    found = chances(at(Yes=0.4, yes=0.1, Y=0.1, No=0.2, N=0.1, Other=0.1), 0, ("yes", "no"))
    assert found == pytest.approx({"yes": 0.6 / 0.9, "no": 0.3 / 0.9})


def test_a_token_that_begins_two_words_counts_for_neither() -> None:
    found = chances(at(n=0.6, no=0.3, na=0.1), 0, ("no", "na"))
    assert found == pytest.approx({"no": 0.75, "na": 0.25})


def test_a_place_without_a_choice_or_without_the_words_is_not_known() -> None:
    assert chances(at(yes=1.0), 5, ("yes", "no")) is None
    assert chances(at(maybe=1.0), 0, ("yes", "no")) is None


def test_tokens_find_their_place_in_a_text_that_lost_the_white_space_around_it() -> None:
    tokens = ["\n\n", "un", "safe", "<|eot_id|>"]
    found = aligned(tokens, [{}] * 4, "unsafe")
    assert [(choice.start, choice.end) for choice in found] == [(-2, 0), (0, 2), (2, 6), (6, 16)]
    assert aligned(["x"], [{}], "unsafe") == []
    assert aligned(["unsafe"], [], "unsafe") == []


@given(st.lists(st.text(max_size=4), max_size=6))
def test_every_letter_of_a_text_lies_in_one_token(tokens: list[str]) -> None:
    text = "".join(tokens)
    found = aligned(tokens, [{}] * len(tokens), text)
    for place in range(len(text)):
        assert sum(choice.start <= place < choice.end for choice in found) == 1


def test_only_places_where_a_word_might_begin_are_worth_keeping() -> None:
    choices = [
        Choice(0, 1, {"Safety": -0.1}),
        Choice(1, 2, {" Unsafe": -1.0, "x": -2.0}),
        Choice(2, 3, {" ": 0.0}),
    ]
    assert worth_keeping(choices, ("unsafe",)) == choices[1:2]


def test_entropy_is_0_for_certainty_and_ln_n_for_n_equal_chances() -> None:
    assert entropy([1.0, 0.0]) == 0
    assert entropy([0.25] * 4) == pytest.approx(math.log(4))
