"""Does a completion refuse?

A classifier that was trained on people's labels: none, full or partial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from records.rows import Completion, Score
from reward.factors.model import FactorModel, shipped_model


class RefusalClassifier:
    """The value is the chance of a full or partial refusal, the label the more probable side."""

    name = "refusal_classifier"

    def __init__(self, load: Callable[[], FactorModel] = shipped_model) -> None:
        self.load = load

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        scores = []
        for factors in self.load().factors(completions):
            score = Score(
                id=f"{factors.completion_id}/{self.name}",
                completion_id=factors.completion_id,
                scorer=self.name,
                value=factors.refuses,
                label=factors.refusal,
                reason=factors.reason,
                uncertainty=factors.refusal_entropy,
            )
            scores.append(score)
        return scores
