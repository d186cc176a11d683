"""Twin gaps: how much likelier a harmful request is declined than the benign one made like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from eval.results.change import PolicyChange
from measures.estimate import Comparison, Estimate
from records.json_record import INLINE, JsonRecord


@dataclass(frozen=True, kw_only=True)
class TwinGap(JsonRecord):
    """Of one policy."""

    gap: Annotated[Comparison, INLINE]
    refused_harmful: Estimate
    refused_twins: Estimate
    by_principle: Mapping[str, Comparison]


@dataclass(frozen=True, kw_only=True)
class SuiteTwins(JsonRecord):
    """Of one suite of harmful requests; `twins` names the suite of their twins."""

    twins: str
    policies: Mapping[str, TwinGap]
    comparisons: tuple[PolicyChange, ...]
