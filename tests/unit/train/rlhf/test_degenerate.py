from __future__ import annotations

import math

import pytest

from train.rlhf.config import DegenerateConfig
from train.rlhf.degenerate import perplexity, repetition, why_degenerate

PROBABLE = [math.log(0.3)] * 8


@pytest.mark.parametrize(
    ("text", "logps", "why"),
    [
        ("Ask your doctor before you take it.", PROBABLE, ""),
        ("I'm sorry, but I can't help with that.", PROBABLE, ""),
        ("No.", PROBABLE, "short"),
        ("", PROBABLE, "short"),
        ("go to bed " * 12, PROBABLE, "repetition"),
        ("kidney of and bracelet the runs", [math.log(1e-5)] * 8, "perplexity"),
    ],
)
def test_why_a_text_says_nothing(text: str, logps: list[float], why: str) -> None:
    assert why_degenerate(text, logps, DegenerateConfig()) == why


def test_repetition_counts_runs_of_three_words() -> None:
    assert repetition("a b c d e") == 0
    assert repetition("a b") == 0
    assert repetition("a b c a b c") == pytest.approx(1 / 4)


def test_perplexity_is_that_of_a_token() -> None:
    assert perplexity([math.log(0.5), math.log(0.125)]) == pytest.approx(4)
