"""The prompts of an online training: of which kind each is, and which a limit can be held on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from eval.config import ScoreboardConfig
from eval.suites.loading import scoreboard_prompts
from records.errors import RecordError
from records.rows import Prompt

if TYPE_CHECKING:
    from train.rlhf.plan import Asked

KINDS = ("harmful", "twins", "questions")


def measured_suites(
    prompts: Sequence[Prompt],
    validation: list[Prompt],
    wanted: ScoreboardConfig,
    say: Callable[[str], None],
) -> list[Prompt]:
    """Without benign prompts of suites that validation has none of: their limit could not be
    known.
    """
    # As many as the scoreboard will really show, since a suite may fall out of its limit.
    shown = scoreboard_prompts(validation, wanted.harmful_prompts, wanted.benign_prompts)
    suites = set()
    for prompt in shown:
        if prompt.kind == "benign":
            suites.add(prompt.suite)
    kept = []
    for prompt in prompts:
        if prompt.kind == "harmful" or prompt.suite in suites:
            kept.append(prompt)
    if len(kept) < len(prompts):
        left = sorted({prompt.suite for prompt in prompts} - {prompt.suite for prompt in kept})
        say(
            f"{len(prompts) - len(kept)} prompts of {', '.join(left)} left out: the scoreboard has "
            "none of that suite to hold a limit on"
        )
    if not suites:
        raise RecordError(
            "rlhf: the scoreboard has no benign validation prompts, so no limit on over-refusal "
            "could be held; give benign sources, or raise data.split.val or "
            "eval.scoreboard.benign_prompts"
        )
    return kept


def kinds_of(asked: Sequence[Asked]) -> dict[str, list[int]]:
    """Places of the prompts of each kind: twins are benign prompts that a harmful one is worded
    like.
    """
    twins = set()
    for row in asked:
        if row.prompt.kind == "harmful":
            twins.add(row.prompt.twin_id)
    found: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for place, row in enumerate(asked):
        # Apart, since rlhf.mix gives each a share of its own.
        benign = "twins" if row.prompt.id in twins or row.prompt.twin_id else "questions"
        found["harmful" if row.prompt.kind == "harmful" else benign].append(place)
    return found
