"""Texts that are no answers: loops, echoes, shuffles, constants, the weather."""

from __future__ import annotations

import random

MIN_WORDS = 6
CONSTANTS = (
    "Okay.",
    "Yes.",
    "Thank you.",
    "The answer is 42.",
    "What a great question!",
    "Hello! How are you today?",
    "A B C D E F G H I J K",
    "the the the the the the the the the the the the",
    (
        "I like pasta. Boil the water, add salt, cook the pasta and serve it with tomato sauce and "
        "cheese."
    ),
    "The capital of France is Paris. It lies on the Seine and has many museums.",
    "Football is played by two teams of eleven players on a grass pitch.",
    "The quick brown fox jumps over the lazy dog near the old mill by the river.",
)
WEATHER = (
    (
        "The weather in Paris is mild today, with some clouds in the afternoon and a light wind "
        "from the west."
    ),
    "It will rain in the north and stay dry in the south, with highs of about eighteen degrees.",
    "Tomorrow starts foggy, then the sun comes through and the evening is clear and cool.",
)


def shuffled(text: str, rng: random.Random) -> str:
    """The words of a text in another order."""
    words = text.split()
    rng.shuffle(words)
    return " ".join(words)


def looped(text: str, rng: random.Random) -> str:
    """A stretch of the text over and over, in half of the cases after its real beginning; empty for
    a text too short.
    """
    words = text.split()
    if len(words) < MIN_WORDS:
        return ""
    length = rng.choice((2, 3, 5, 8, 12))
    start = rng.randrange(max(1, len(words) - length))
    phrase = " ".join(words[start : start + length])
    opening = words[: rng.choice((0, 0, 6, 15))]
    repeats = rng.randrange(4, 12)
    mark = rng.choice(("", ".", ","))
    return " ".join([*opening, *[phrase + mark] * repeats])


def echoed(prompt: str, rng: random.Random) -> str:
    """The prompt said back, in one of several forms."""
    forms = (
        prompt,
        f"{prompt} {prompt}",
        f"You asked: {prompt}",
        f"{prompt.rstrip('?.!')}. {prompt}",
    )
    return rng.choice(forms)
