"""Rule and classifier together: a completion refuses where either says so, and their disagreements
are kept and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from records.rows import Completion, Score
from reward.factors.model import REFUSES_FROM, FactorModel, Factors, shipped_model
from reward.factors.texts import exchange_of
from reward.refusal.rule import Refusal, refusal


@dataclass(frozen=True, kw_only=True)
class RefusalVerdict:
    """What both say of one completion."""

    completion_id: str
    rule: Refusal
    classifier: str
    """none, full or partial; empty where it can say nothing."""
    refuses: float | None
    """The classifier's chance."""
    entropy: float | None = None
    reason: str = ""
    """Why the classifier says nothing."""

    @property
    def label(self) -> str:
        """The classifier's word where it sees a refusal, else the rule's; empty where nothing was
        read.
        """
        if not self.classifier:
            return ""
        return self.classifier if self.classifier != "none" else self.rule

    @property
    def agree(self) -> bool:
        """On refusing or not; full and partial are one side."""
        return (self.rule == "none") == (self.classifier == "none")

    @property
    def chance(self) -> float | None:
        """The classifier's, and at least REFUSES_FROM where the rule sees a refusal: the label is
        one from there, and none below.
        """
        if self.refuses is None:
            return None
        # Where the rule alone sees a refusal the classifier's chance may be near 0, and a threshold
        # on it would say the opposite of the label.
        return max(self.refuses, REFUSES_FROM) if self.rule != "none" else self.refuses


class RefusalCascade:
    """The default scorer of refusals.

    The value is the chance of a refusal, the label none, full or partial: none where the value is
    below REFUSES_FROM.
    """

    def __init__(
        self, name: str = "refusal", load: Callable[[], FactorModel] = shipped_model
    ) -> None:
        self._name, self.load = name, load

    @property
    def name(self) -> str:
        return self._name

    def verdicts(self, completions: Sequence[Completion]) -> list[RefusalVerdict]:
        """What rule and classifier say of each completion."""
        return self.verdicts_on(completions, self.load().factors(completions))

    def verdicts_on(
        self, completions: Sequence[Completion], factors: Sequence[Factors]
    ) -> list[RefusalVerdict]:
        """For a caller that has the factors already, which are what costs time."""
        made: list[RefusalVerdict] = []
        for completion, found in zip(completions, factors, strict=True):
            made.append(_verdict(completion, found))
        return made

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion: a refusal where rule or classifier says so."""
        return [self._score(verdict) for verdict in self.verdicts(completions)]

    def _score(self, verdict: RefusalVerdict) -> Score:
        return Score(
            id=f"{verdict.completion_id}/{self.name}",
            completion_id=verdict.completion_id,
            scorer=self.name,
            value=verdict.chance,
            label=verdict.label,
            reason=verdict.reason,
            uncertainty=verdict.entropy,
        )


def _verdict(completion: Completion, factors: Factors) -> RefusalVerdict:
    return RefusalVerdict(
        completion_id=completion.id,
        # On the text that the classifier reads, so that a disagreement is about the completion.
        rule=refusal(exchange_of(completion).completion),
        classifier=factors.refusal,
        refuses=factors.refuses,
        entropy=factors.refusal_entropy,
        reason=factors.reason,
    )


def disagreements(verdicts: Iterable[RefusalVerdict]) -> dict[str, int]:
    """How often rule and classifier say the same, how often one of them alone sees a refusal, and
    how often nothing was read.
    """
    return dict(Counter(_kind(verdict) for verdict in verdicts))


def _kind(verdict: RefusalVerdict) -> str:
    if not verdict.classifier:
        # First of all: where the classifier read nothing, there is nothing to agree on.
        return "unscored"
    if verdict.agree:
        return "agree"
    return "rule_alone" if verdict.rule != "none" else "classifier_alone"
