"""Which completions each scorer is asked about."""

from __future__ import annotations

from collections.abc import Sequence

from records.contracts import Scorer
from records.rows import Completion, Prompt, Score
from reward.scorers import HARM_MODEL, REFUSAL, score_with


def candidate_scores(
    scorers: Sequence[Scorer], prompts: Sequence[Prompt], completions: Sequence[Completion]
) -> list[Score]:
    """What an epoch is chosen by: harm on harmful prompts, and every other scorer on all of them.

    The harm model's score of a benign prompt's completion is no evidence, since nothing shows that
    it sees dangerous advice (docs/scorers.md), and costs as much as the completion.
    """
    harmful = set()
    for prompt in prompts:
        if prompt.kind == "harmful":
            # By suite and id: suites of the user's own may use the same ids.
            harmful.add((prompt.suite, prompt.id))
    asked = [row for row in completions if (row.suite, row.prompt_id) in harmful]
    found: list[Score] = []
    for scorer in scorers:
        mine = asked if scorer.name == HARM_MODEL else completions
        # A rank of many may hold no harmful prompt.
        if mine:
            found += score_with([scorer], mine)
    return found


def evaluation_scores(
    scorers: Sequence[Scorer], prompts: Sequence[Prompt], completions: Sequence[Completion]
) -> list[Score]:
    """What a report and the gate read: as for a candidate, where a scorer besides the refusal rule
    reads benign prompts' completions; without one, every scorer on all of them.
    """
    # The gate counts completions that nothing could read, so that one scorer must have read them.
    if {scorer.name for scorer in scorers} <= {HARM_MODEL, REFUSAL}:
        return score_with(scorers, completions)
    return candidate_scores(scorers, prompts, completions)
