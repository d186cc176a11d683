"""What results hold that no completion tells: the instruments, and where policies come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval.results.described import AbsentSuite
from eval.results.opened import OpenedSet
from eval.results.scoreboard_row import ScoreboardRow
from eval.results.validation import Validation
from eval.selection import Selection


@dataclass(frozen=True, kw_only=True)
class PolicyFacts:
    """Of one policy; the fields are those of `PolicyResult`."""

    path: str
    optimiser_steps: int | None = None
    selection: Selection | None = None
    kind: str | None = None
    server: str | None = None
    revision: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """Of the evaluation; the fields are those of `Results`."""

    confidence: float
    kind: str | None = None
    validation: Validation = field(default_factory=Validation)
    scoreboard: Sequence[ScoreboardRow] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Free: see `Results.provenance`."""
    suites_absent: Sequence[AbsentSuite] = ()
    test_set: OpenedSet | None = None
    """How often these prompts were opened (eval/test_ledger.py)."""
