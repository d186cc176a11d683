"""How policies decline harmful requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eval.results.change import PolicyChange
from measures.estimate import Estimate
from records.json_record import JsonRecord


@dataclass(frozen=True, kw_only=True)
class Declines(JsonRecord):
    """Of one policy on one suite: shares are of what was declined."""

    n: int
    declined: int
    reason: Estimate
    alternative: Estimate
    both: Estimate
    curt: Estimate
    cut: Estimate


@dataclass(frozen=True, kw_only=True)
class SuiteDeclines(JsonRecord):
    """Of one harmful suite."""

    policies: Mapping[str, Declines]
    comparisons: tuple[PolicyChange, ...]
