"""How many of the statements that physicians want completions hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eval.results.change import PolicyChange
from measures.estimate import Estimate
from records.json_record import JsonRecord


@dataclass(frozen=True, kw_only=True)
class SuiteMustHaves(JsonRecord):
    """Of one suite whose prompts state what a completion must hold."""

    note: str
    policies: Mapping[str, Estimate]
    comparisons: tuple[PolicyChange, ...]
