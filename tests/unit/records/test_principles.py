"""Nine principles, each with its own question; a prompt's own principle is used, and the seed draws
for the others.
"""

from __future__ import annotations

from collections import Counter

import pytest

from records.principles import ENDING, PRINCIPLES, critique_request, principle_for, rewrite_request


def test_there_are_nine_and_no_two_say_the_same() -> None:
    assert sorted(PRINCIPLES) == list(range(1, 10))
    for part in zip(*PRINCIPLES.values(), strict=True):
        assert len(set(part)) == 9


@pytest.mark.parametrize("number", PRINCIPLES)
def test_the_critique_asks_one_question_and_the_rewrite_asks_for_a_reason_and_something_safe(
    number: int,
) -> None:
    assert PRINCIPLES[number].statement in critique_request(number)
    assert critique_request(number).count("?") == 1
    assert rewrite_request(number).endswith(ENDING)


def test_a_prompts_own_principle_is_used() -> None:
    assert [principle_for("p", own, number=0, seed=0) for own in PRINCIPLES] == list(PRINCIPLES)


def test_for_a_prompt_without_one_the_seed_draws_any_of_the_nine() -> None:
    drawn = [principle_for(f"p{i}", None, number=0, seed=0) for i in range(900)]
    assert drawn == [principle_for(f"p{i}", None, number=0, seed=0) for i in range(900)]
    assert set(Counter(drawn)) == set(PRINCIPLES)
    assert min(Counter(drawn).values()) > 60
    assert drawn != [principle_for(f"p{i}", None, number=0, seed=1) for i in range(900)]
    assert drawn != [principle_for(f"p{i}", None, number=1, seed=0) for i in range(900)]
