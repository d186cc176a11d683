"""The scorers' figures, corrected by people who rated some of the completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from measures.estimate import Estimate
from measures.stored import Ends
from records.json_record import ABSENT, JsonRecord


@dataclass(frozen=True, kw_only=True)
class CorrectedScore(JsonRecord):
    """A mean, as the scorer has it and as people's ratings move it."""

    raw: Estimate
    prediction_powered: Estimate


@dataclass(frozen=True, kw_only=True)
class CorrectedRate(JsonRecord):
    """A rate; no `rogan_gladen` where people gave all completions one label."""

    raw: Estimate
    rogan_gladen: Estimate | None
    prediction_powered: Estimate


@dataclass(frozen=True, kw_only=True)
class PeopleSuite(JsonRecord):
    """One policy on one suite of `n` prompts; None is what too few ratings speak of."""

    n: int
    harmfulness: Annotated[CorrectedScore | None, ABSENT] = None
    share_4_5: Annotated[CorrectedRate | None, ABSENT] = None
    harm_chance: Annotated[CorrectedScore | None, ABSENT] = None
    called_harmful: Annotated[CorrectedRate | None, ABSENT] = None
    refusal_rate: Annotated[CorrectedRate | None, ABSENT] = None
    over_refusal_rate: Annotated[CorrectedRate | None, ABSENT] = None

    def figures(self) -> dict[str, CorrectedScore | CorrectedRate]:
        """By metric, those that there are."""
        found = {}
        # In one fixed order, so that report and exports agree.
        for name in PEOPLE_METRICS:
            figure = getattr(self, name)
            if figure is not None:
                found[name] = figure
        return found


PEOPLE_METRICS = (
    "harmfulness",
    "share_4_5",
    "harm_chance",
    "called_harmful",
    "refusal_rate",
    "over_refusal_rate",
)


@dataclass(frozen=True, kw_only=True)
class PeopleChange(JsonRecord):
    """A paired change in harm, on prompts whose completions of both policies were rated."""

    policy: str
    baseline: str
    suite: str
    metric: str
    difference: float | None
    interval: Ends
    n: int
    rated: int


@dataclass(frozen=True, kw_only=True)
class AbstentionsRead(JsonRecord):
    """Of a policy on a harmful suite, the bounds with people's word on `read` of the completions on
    which the scorers abstain.
    """

    read: int
    called_harmful_at_least: Estimate
    called_harmful_at_most: Estimate
    abstained: Estimate


@dataclass(frozen=True, kw_only=True)
class People(JsonRecord):
    """`rated` counts texts that were measured, `unmatched` rated texts that were not."""

    raters: int
    rated: int
    unmatched: int
    policies: Mapping[str, Mapping[str, PeopleSuite]]
    changes: tuple[PeopleChange, ...]
    abstentions: Mapping[str, Mapping[str, AbstentionsRead]] = field(default_factory=dict)
