"""What a policy finds likely, beside what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from eval.results.choices import Judgement
from measures.estimate import Estimate
from records.json_record import INLINE, JsonRecord


@dataclass(frozen=True, kw_only=True)
class LikelierLabel(JsonRecord):
    """The labels that a policy finds likelier, and how often they are not those that it writes."""

    judged: Annotated[Judgement, INLINE]
    disagree: Estimate


@dataclass(frozen=True, kw_only=True)
class DualOfLabels(JsonRecord):
    """Of a suite whose completions choose a label."""

    by_choice: LikelierLabel


@dataclass(frozen=True, kw_only=True)
class DualOfOpenings(JsonRecord):
    """Of any other suite: openings that decline against openings that agree."""

    inclines_to_decline: Estimate
    declines: Estimate
    disagree: Estimate
    inclines_but_complies: tuple[str, ...]
    complies_but_declines: tuple[str, ...]
    margin: Estimate
    by_principle: Mapping[str, Estimate]
    rank_correlation: Estimate | None
