"""Labels that completions choose, and labels that a policy finds likelier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from measures.estimate import Estimate
from records.json_record import INLINE, JsonRecord


@dataclass(frozen=True, kw_only=True)
class Judgement(JsonRecord):
    """How good one label a prompt is."""

    accuracy: Estimate
    macro_f1: Estimate
    pair_consistency: Estimate


@dataclass(frozen=True, kw_only=True)
class Choices(JsonRecord):
    """Of one policy on one suite, the labels that it writes."""

    judged: Annotated[Judgement, INLINE]
    unparsed: Estimate
    by_topic: Mapping[str, Estimate]
