"""On-policy rounds: from the second on, the last policy completes prompts, its completions are
scored and paired, and DPO goes on from it.

A stage of a later round has a folder of its own, `sample_2`, `score_2`, `pairs_2`, `dpo_2`, so
every round's data stay apart.
"""

from __future__ import annotations

from pipeline.run.registry import STAGES, Registered
from records.contracts import Policy


def repeated() -> list[Registered]:
    """The stages of a round, in order."""
    return [stage for stage in STAGES.values() if stage.repeats]


def named(stage: str, round: int) -> str:
    """The stage's name in a round; round 1 and stages that do not repeat have none."""
    # Round 1 keeps the plain name, so that one round and several begin with the same folders.
    return f"{stage}_{round}" if round > 1 and stage in STAGES and STAGES[stage].repeats else stage


def parsed(name: str) -> tuple[str, int]:
    """(stage, round) of a stage's name."""
    stage, _, number = name.rpartition("_")
    return (
        (stage, int(number))
        # sft_control ends in a word and a stage may not repeat: only both together make a round.
        if number.isdigit() and stage in STAGES and STAGES[stage].repeats
        else (name, 1)
    )


def later(rounds: int) -> list[str]:
    """The stages of all rounds after the first, in order."""
    found: list[str] = []
    for round in range(2, rounds + 1):
        for stage in repeated():
            found.append(named(stage.name, round))
    return found


def trained_before(round: int) -> str:
    """The stage that left the policy which a round begins with; the first round begins where its
    training starts from.
    """
    trained = _trained_in_rounds()
    return str(trained.starts_from) if round == 1 else named(trained.name, round - 1)


def _trained_in_rounds() -> Policy:
    return next(stage.leaves for stage in repeated() if stage.leaves)
