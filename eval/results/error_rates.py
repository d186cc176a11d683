"""How often a line of the release gate errs at this number of prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from records.json_record import ABSENT, JsonRecord


@dataclass(frozen=True, kw_only=True)
class ErrorRates(JsonRecord):
    """Of one line of the gate on one suite; all chances are shares."""

    suite: str
    limit: str
    """The setting of release.gate that the line asks for."""
    unit: str
    n: int
    good: str
    """The good policy in question."""
    good_passes: float
    over: Mapping[str, float]
    """By how far the truth is over the limit, in `unit`: the chance that the line passes all the
    same."""
    mde: float | None
    n_for_5_percent: int | None
    independent: Annotated[int | None, ABSENT] = None
    """Where prompts come in groups: how many independent ones have an interval as wide."""
