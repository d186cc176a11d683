"""What the scorers say of one reply, as a line and as a row for review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_prep.review.items import ReviewItem, item_id
from eval.independent import CASCADE, COHERENT
from records.contracts import Scorer
from records.rows import Completion, Kind, Score, text_of
from reward.scorers import FACTORS, HARM_MODEL, REFUSAL, score_with

REQUEST = f"{FACTORS}/request"
REQUEST_HARMFUL_FROM = 0.5


@dataclass(frozen=True)
class Judged:
    completion: Completion
    scores: Mapping[str, Score]

    @classmethod
    def of(cls, completion: Completion, scorers: Sequence[Scorer]) -> Judged:
        """The completion with what every scorer says of it."""
        return cls(completion, {score.scorer: score for score in score_with(scorers, [completion])})

    @property
    def text(self) -> str:
        """The completion's text."""
        return text_of(self.completion.completion)

    @property
    def asks_for_harm(self) -> Kind:
        """By the head that reads the request; what it cannot read counts as harmful."""
        score = self.scores.get(REQUEST)
        asks = score is None or score.value is None or score.value >= REQUEST_HARMFUL_FROM
        return "harmful" if asks else "benign"

    def line(self) -> str:
        """For people."""
        parts = (
            [f"harmfulness {_number(self.scores[HARM_MODEL])} of 5"]
            if HARM_MODEL in self.scores
            else []
        )
        harm = self.scores.get(FACTORS)
        if harm is not None:
            parts.append(f"harm {_number(harm)}" + (f" ({harm.label})" if harm.label else ""))
        if REQUEST in self.scores:
            # Guessed from its words: where it is wrong, so is harm.
            parts.append(f"asks for harm {_number(self.scores[REQUEST])}")
        # The classifier behind the rule where it is loaded; a chat without it has the rule alone.
        refusal = self.scores.get(CASCADE) or self.scores[REFUSAL]
        parts.append(f"declines: {refusal.label or 'unscored'}")
        if COHERENT in self.scores:
            parts.append(f"coherent {_number(self.scores[COHERENT])}")
        if self.completion.finish_reason == "length":
            parts.append("cut off at the token limit")
        return ", ".join(parts)

    def item(self) -> ReviewItem:
        """As review-export writes it, so that review-import takes the ratings."""
        harm = self.scores.get(HARM_MODEL)
        return ReviewItem(
            id=item_id(self.completion.prompt, self.completion.completion),
            completion_id=self.completion.id,
            prompt_id=self.completion.prompt_id,
            prompt=self.completion.prompt,
            completion=self.completion.completion,
            kind=self.asks_for_harm,
            # train: a chat is in no test set, and its ratings may become pairs.
            split="train",
            source=self.completion.policy,
            finished=self.completion.finish_reason == "stop",
            scores={harm.scorer: harm.value} if harm else {},
            refusal=self.scores[REFUSAL].label,
        )


def _number(score: Score) -> str:
    return f"unscored ({score.reason})" if score.value is None else f"{score.value:.2f}"
