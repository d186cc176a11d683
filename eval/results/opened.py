"""How often the test prompts of these results were opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from records.json_record import ABSENT, JsonRecord


@dataclass(frozen=True, kw_only=True)
class GateAttempt(JsonRecord):
    """A release gate that was asked."""

    at: str
    run: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class OpenedSet(JsonRecord):
    """A test set by the hash of its prompts; `reason` where no ledger could be kept of it."""

    sha256: Annotated[str | None, ABSENT] = None
    run: Annotated[str | None, ABSENT] = None
    recipe: Annotated[str | None, ABSENT] = None
    seed: Annotated[int | None, ABSENT] = None
    evaluations: Annotated[int | None, ABSENT] = None
    recipes: Annotated[int | None, ABSENT] = None
    seeds: Annotated[int | None, ABSENT] = None
    gates: Annotated[int | None, ABSENT] = None
    gate_attempts: Annotated[tuple[GateAttempt, ...] | None, ABSENT] = None
    first: Annotated[str | None, ABSENT] = None
    reason: Annotated[str | None, ABSENT] = None
