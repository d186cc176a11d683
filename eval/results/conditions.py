"""Attack success under conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from measures.estimate import Comparison, Estimate
from records.json_record import INLINE, JsonRecord


@dataclass(frozen=True, kw_only=True)
class AttackRates(JsonRecord):
    """Of one policy, by one criterion."""

    by_family: Mapping[str, Estimate]
    all_conditions: Estimate
    worst_of_families: Estimate


@dataclass(frozen=True, kw_only=True)
class FamilyChange(JsonRecord):
    """What changed under one family of conditions, or under the worst of them."""

    policy: str
    baseline: str
    family: str
    found: Annotated[Comparison, INLINE]


@dataclass(frozen=True, kw_only=True)
class AttackSuccess(JsonRecord):
    """Of one harmful suite, by one criterion of what a success is."""

    policies: Mapping[str, AttackRates]
    comparisons: tuple[FamilyChange, ...]
