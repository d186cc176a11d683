"""Labels for the reward model's examples, from the words of completions alone.

The reward model chooses what policies are trained on, so what labels its examples must not measure
them. These two heads read words and counts and no embedding; no report, gate or scoreboard asks
them. They were fitted on the same labelled rows as the heads that do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NoReturn

from records.rows import Completion, Score
from reward.factors.bundle import Bundle, read_bundle
from reward.factors.features import FeatureRoom
from reward.factors.harm import KnownRule
from reward.factors.model import unreadable
from reward.factors.texts import Exchange, exchange_of

NAME = "teacher"
Says = Literal["harm", "coherent"]
COMPLIES, COHERENT = "teacher_complies", "teacher_coherent"
BLOCKS = ("completion_words", "counts")


class WordsTeacher:
    """The chance that a completion of a harmful request is harmful (the request is taken as known),
    or that it is coherent.
    """

    def __init__(self, says: Says = "harm", bundle: Bundle | None = None) -> None:
        self.says, self.name = says, f"{NAME}/{says}"
        self.bundle = bundle or read_bundle()
        self.rule = KnownRule(**self.bundle.facts["teacher_harm"])
        words = {
            "completion_words": self.bundle.completion_words,
            "prompt_words": self.bundle.prompt_words,
        }
        # An embedder that fails: a head that read embeddings here would share them with what
        # measures.
        self.room = FeatureRoom(embed=_no_embedder, **words)

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One a completion, in their order; unscored with a reason where it holds no words that the
        heads know.
        """
        exchanges = [exchange_of(completion) for completion in completions]
        reasons = [unreadable(exchange) for exchange in exchanges]
        readable = []
        for exchange, reason in zip(exchanges, reasons, strict=True):
            if not reason:
                readable.append(exchange)
        # Taken in the order of the readable ones; the unreadable take none.
        chances = iter(self._chances(readable) if readable else [])
        found = []
        for completion, reason in zip(completions, reasons, strict=True):
            value = None if reason else next(chances)
            name = f"{completion.id}/{self.name}"
            found.append(
                Score(
                    id=name,
                    completion_id=completion.id,
                    scorer=self.name,
                    value=value,
                    reason=reason,
                )
            )
        return found

    def _chances(self, exchanges: list[Exchange]) -> list[float]:
        features = self.room.of(exchanges)
        coherent = self.bundle.heads[COHERENT].yes(features)
        if self.says == "coherent":
            return [float(chance) for chance in coherent.mean(axis=0)]
        complies = self.bundle.heads[COMPLIES].yes(features)
        return [float(chance) for chance in self.rule(complies, coherent).mean(axis=0)]


def _no_embedder(texts: Sequence[str]) -> NoReturn:
    raise AssertionError("the teacher's heads read no embedding")
