"""On-policy rounds: from the second on, the last policy answers, its answers are scored and paired, and DPO goes on from it.

A stage of a later round has a folder of its own, `sample_2`, `score_2`, `pairs_2`, `dpo_2`, so every round's data stay apart.
"""

from __future__ import annotations

REPEATED = ("sample", "score", "pairs", "dpo")


def named(stage: str, round: int) -> str:
    return stage if round == 1 or stage not in REPEATED else f"{stage}_{round}"


def parsed(name: str) -> tuple[str, int]:
    """(stage, round) of a stage's name."""
    stage, _, number = name.rpartition("_")
    return (stage, int(number)) if stage in REPEATED and number.isdigit() else (name, 1)


def later(rounds: int) -> list[str]:
    """The stages of all rounds after the first, in order."""
    return [named(stage, round) for round in range(2, rounds + 1) for stage in REPEATED]


def trained_before(round: int) -> str:
    """The stage that left the policy which a round begins with; in the first round DPO begins where SFT ended."""
    return "sft" if round == 1 else named("dpo", round - 1)
