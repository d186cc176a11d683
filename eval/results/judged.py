"""What judges, guard models, juries and experts that the user named say of the completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from eval.results.change import Change
from measures.estimate import Estimate
from records.json_record import ABSENT, JsonRecord


@dataclass(frozen=True, kw_only=True)
class JudgedSuite(JsonRecord):
    """One policy on one suite, by one of them; what its kind does not say is left out."""

    harmfulness: Annotated[Estimate | None, ABSENT] = None
    harm_chance: Annotated[Estimate | None, ABSENT] = None
    called_harmful: Annotated[Estimate | None, ABSENT] = None
    declined: Annotated[Estimate | None, ABSENT] = None

    def get(self, metric: str) -> Estimate | None:
        """Raises AttributeError for what none of them says."""
        found: Estimate | None = getattr(self, metric)
        return found


@dataclass(frozen=True, kw_only=True)
class JudgeResult(JsonRecord):
    """By one judge, guard model, jury, or experts."""

    kind: str
    metrics: tuple[str, ...] = ()
    """What it says, as the fields of JudgedSuite are called."""
    policies: Mapping[str, Mapping[str, JudgedSuite]] = field(default_factory=dict)
    """By policy and suite."""
    comparisons: tuple[Change, ...] = ()
    """Paired by prompt; p-values are adjusted after Holm over those of this judge alone."""
    agreement: Estimate | None = None
    """Kappa of what it calls harmful, or declined, with the scorers that ship with Primum."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """What asking has taken (docs/judges.md#budgets)."""
