"""Made rows are no answers, keep their real one's group, and come out the same for the same
seed.
"""

from __future__ import annotations

import random
from collections import Counter

from reward.factors.fit.corpora import Row
from reward.factors.fit.negatives import SWAP, no_answers
from reward.factors.made import echoed, looped, shuffled

TEXT = "Wash the wound with water, dry it, cover it with a clean cloth and change that every day."
ROWS = [
    Row(
        prompt=f"Question {k}?",
        completion=f"{TEXT} Number {k}.",
        source="primum",
        writer="primum",
        group=str(k),
        label="1",
    )
    for k in range(200)
]


def test_every_kind_is_made_in_its_share() -> None:
    made = no_answers(ROWS, 0)
    kinds = Counter(row.label for row in made)
    assert set(kinds) == {"swap", "shuffle", "loop", "echo", "constant"}
    assert 70 < kinds[SWAP] < 130


def test_a_swapped_completion_is_another_prompts() -> None:
    for row in no_answers(ROWS, 0):
        if row.label == SWAP:
            assert row.completion != f"{TEXT} Number {row.group}."


def test_the_seed_decides() -> None:
    assert no_answers(ROWS, 1) == no_answers(ROWS, 1) != no_answers(ROWS, 2)


def test_loops_shuffles_and_echoes() -> None:
    rng = random.Random(0)
    assert sorted(shuffled(TEXT, rng).split()) == sorted(TEXT.split())
    assert max(Counter(looped(TEXT, rng).split()).values()) >= 4
    assert looped("Too short.", rng) == ""
    assert "Why?" in echoed("Why?", rng) or "Why." in echoed("Why?", rng)
