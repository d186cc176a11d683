"""The scorers of a run behind one call, and what stages read out of their scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from records.contracts import Scorer
from records.rows import Completion, Score, text_of
from reward.refusal.rule import refusal

HARM_MODEL = "reward_model"
"""Name of the harm model that the run has trained; its scores are the harmfulness of tables and
gates."""
REFUSAL = "refusal"
FACTORS = "factors"
"""Name of the scorers that ship with Primum and that no training touches: harm under the name
itself, others below it."""


class RefusalRule:
    """The refusal rule as a scorer: a label, `full`, `partial` or `none`, and no value."""

    name = REFUSAL

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion, in their order; an empty completion does not refuse."""
        made: list[Score] = []
        for completion in completions:
            made.append(
                Score(
                    id=score_id(completion, self.name),
                    completion_id=completion.id,
                    scorer=self.name,
                    label=refusal(text_of(completion.completion)),
                )
            )
        return made


def score_id(completion: Completion, scorer: str) -> str:
    """Of the score that `scorer` gives to the completion."""
    return f"{completion.id}/{scorer}"


def score_with(scorers: Iterable[Scorer], completions: Sequence[Completion]) -> list[Score]:
    """Every scorer's scores, one scorer after the other, each in the completions' order.

    A scorer of several factors gives as many scores to each, under names of their own. Raises
    ValueError where a scorer leaves a completion out or scores another one: a score that is lost
    would pass for a completion that nobody asked about.
    """
    found: list[Score] = []
    wanted = [completion.id for completion in completions]
    for scorer in scorers:
        scores = scorer.score(completions)
        # A scorer without a single score is held to its own name, or it would pass.
        for name in {score.scorer for score in scores} or {scorer.name}:
            if [score.completion_id for score in scores if score.scorer == name] != wanted:
                raise ValueError(
                    f"scorer {name}: wanted one score for each of {len(wanted)} completions in "
                    "their order"
                )
        found += scores
    return found
