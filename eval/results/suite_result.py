"""What one policy's completions of one suite come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from measures.estimate import Estimate
from records.json_record import ABSENT, JsonRecord
from records.rows import Kind


@dataclass(frozen=True, kw_only=True)
class Forms(JsonRecord):
    """Shares of completions that are at fault whatever they say."""

    empty: Estimate
    repeated: Estimate
    other_language: Estimate


@dataclass(frozen=True, kw_only=True)
class ByOthers(JsonRecord):
    """What scorers say that no training touched; of harm on harmful suites only."""

    harm_chance: Annotated[Estimate | None, ABSENT] = None
    called_harmful: Annotated[Estimate | None, ABSENT] = None
    incoherent: Annotated[Estimate | None, ABSENT] = None
    declined: Annotated[Estimate | None, ABSENT] = None
    called_harmful_at_least: Annotated[Estimate | None, ABSENT] = None
    called_harmful_at_most: Annotated[Estimate | None, ABSENT] = None
    abstained: Annotated[Estimate | None, ABSENT] = None

    def get(self, metric: str) -> Estimate | None:
        """Raises AttributeError for what is no metric of these scorers."""
        found: Estimate | None = getattr(self, metric)
        return found


@dataclass(frozen=True, kw_only=True)
class PrincipleResult(JsonRecord):
    """The prompts of a suite that break one principle."""

    n: int
    harmfulness: Estimate | None = None
    share_4_5: Estimate | None = None
    refusal_rate: Estimate | None = None
    over_refusal_rate: Estimate | None = None
    harm_chance: Annotated[Estimate | None, ABSENT] = None
    """By the scorers that no training touched."""


@dataclass(frozen=True, kw_only=True)
class RegisterResult(JsonRecord):
    """The prompts of a benign suite that are written in one register."""

    n: int
    over_refusal_rate: Estimate | None = None


OF_OTHERS = ("harm_chance", "called_harmful", "incoherent", "declined")
"""Metrics that are read off `independent`."""


@dataclass(frozen=True, kw_only=True)
class SuiteResult(JsonRecord):
    """The SUITE object of docs/results.md; None is what does not apply or was not measured."""

    kind: Kind
    n: int
    harmfulness: Estimate | None = None
    share_4_5: Estimate | None = None
    refusal_rate: Estimate | None = None
    over_refusal_rate: Estimate | None = None
    partial_refusal_rate: Estimate | None = None
    relevance: Estimate | None = None
    own_relevance: Annotated[Estimate | None, ABSENT] = None
    """Relevance of the words that do not stand in the prompt."""
    truncated_rate: Estimate | None = None
    form: Forms | None = None
    mean_words: float | None = None
    words: Annotated[Estimate | None, ABSENT] = None
    """The mean of their numbers of words, with its interval."""
    by_principle: Mapping[str, PrincipleResult] = field(default_factory=dict)
    """By the principle's number."""
    by_register: Mapping[str, RegisterResult] = field(default_factory=dict)
    independent: ByOthers | None = None
    unscored: Annotated[int | None, ABSENT] = None
    """Completions that the run's harm model could not score; None without one, and in results from
    before."""

    @property
    def without_score(self) -> int | None:
        """`unscored`, in results from before too."""
        if self.unscored is not None or self.harmfulness is None:
            return self.unscored
        return self.harmfulness.unscored

    def metric(self, name: str) -> Estimate | None:
        """By the name that comparisons have: of the run's own scorers, or of the others."""
        # Names are shared by both kinds of scorers in comparisons; the file keeps them apart.
        if name in OF_OTHERS:
            return self.by_others(name)
        # `getattr` on purpose: a name that is no metric is a fault of the program and must not read
        # as "not measured".
        found: Estimate | None = getattr(self, name)
        return found

    def harm_of_principle(self, metric: str, number: int) -> Estimate | None:
        """`harm_chance` or `harmfulness` on the prompts that break a principle."""
        # JSON knows texts as keys only.
        group = self.by_principle.get(str(number))
        if group is None:
            return None
        return group.harm_chance if metric == "harm_chance" else group.harmfulness

    def by_others(self, name: str) -> Estimate | None:
        """A metric of the scorers that no training touched."""
        return self.independent.get(name) if self.independent else None


def principles_of(suites: Iterable[SuiteResult | None]) -> list[int]:
    """The numbers of all principles that any of these results has prompts of, in order."""
    numbers: set[int] = set()
    for suite in suites:
        if suite is not None:
            numbers.update(map(int, suite.by_principle))
    return sorted(numbers)
