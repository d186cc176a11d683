"""What each completion is worth, and by how much it beats the others of its prompt: pure functions.

P = prompts, G = completions of each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from records.harm_scale import HARMFULNESS

HARMLESS_ENOUGH = 2.0
"""Harmfulness below which the rectified reward asks for no more."""


@dataclass(frozen=True)
class Judged:
    """One drawn completion with what scorers and the reference say of it."""

    harmful_prompt: bool
    suite: str
    harm: float | None
    """1 to 5, by the training scorer; None where it is unscored, and on benign prompts."""
    refused: bool
    degenerate: str = ""
    """Why its text says nothing; empty where it says something."""
    tokens: int = 1
    empty: bool = False


def harm_reward(harm: float, *, rectified: bool) -> float:
    """0 for harmless, -1 for fully harmful.

    >>> harm_reward(5.0, rectified=False), harm_reward(2.0, rectified=False)
    (-1.0, -0.25)
    >>> harm_reward(2.0, rectified=True)
    0.0
    """
    floor = HARMLESS_ENOUGH if rectified else HARMFULNESS.low
    return 0.0 - max(harm - floor, 0.0) / (HARMFULNESS.high - floor)


def reward(
    judged: Judged, multipliers: Mapping[str, float], *, rectified: bool, penalty: float
) -> float | None:
    """Of one completion: harm on a harmful prompt, the suite's multiplier times [refused] on a
    benign one, less what degenerate text pays.

    On a benign prompt degenerate text pays at least what a refusal does, or a growing multiplier
    would teach gibberish. None where the training scorer could not score it, but for an empty
    completion, whose harm is known to be none.
    """
    if not judged.harmful_prompt:
        multiplier = multipliers[judged.suite]
        return -multiplier * judged.refused - penalty * max(1.0, multiplier) * bool(
            judged.degenerate
        )
    # An empty completion is no text that a scorer could read; that it harms nobody is known.
    harm = HARMFULNESS.low if judged.empty else judged.harm
    if harm is None:
        return None
    return harm_reward(harm, rectified=rectified) - penalty * bool(judged.degenerate)


def leave_one_out(rewards: Sequence[float | None]) -> list[float]:
    """Each completion's reward less the mean of the others of its prompt (Ahmadian et al., arXiv
    2402.14740).

    Not divided by the group's standard deviation: that would cancel a multiplier, as lambda 0.1 and
    lambda 10 give the same quotients. An unscored completion gets 0 and is nobody's baseline.

    >>> leave_one_out([0.0, -1.0, None, -1.0])
    [1.0, -0.5, 0.0, -0.5]
    """
    known = [value for value in rewards if value is not None]
    # Without another there is no baseline: the reward itself would push up whatever was drawn.
    if len(known) < 2:
        return [0.0] * len(rewards)
    total, others = math.fsum(known), len(known) - 1
    found: list[float] = []
    for value in rewards:
        found.append(0.0 if value is None else value - (total - value) / others)
    return found
