"""What policies that help nobody show on benign prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from measures.estimate import Comparison, Estimate
from records.json_record import ABSENT, JsonRecord


@dataclass(frozen=True, kw_only=True)
class UselessSuite(JsonRecord):
    """On one suite, with the changes against the base."""

    over_refusal_rate: Estimate
    over_refusal_change: Comparison
    relevance: Estimate
    relevance_change: Estimate
    own_relevance: Annotated[Estimate | None, ABSENT] = None


@dataclass(frozen=True, kw_only=True)
class UselessResult(JsonRecord):
    """Of one such policy."""

    title: str
    suites: Mapping[str, UselessSuite]
