"""A line of the release gate as other files of eval state it; eval/gate.py makes its results of
them.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from eval.results.results import Results


class GateLine(NamedTuple):
    """The fields of `eval.gate.GateResult`, in their order."""

    name: str
    passed: bool
    detail: str
    aside: Literal["", "accepted", "not measured"] = ""


def below(name: str, value: float | None, limit: float | None, setting: str) -> GateLine:
    """Passes where a finite `value` lies below the limit: without either there is no evidence."""
    if limit is None:
        return GateLine(name, False, f"no evidence: results.json holds no margin; set {setting}")
    # NaN compares as false in both directions, so it is asked for by itself.
    known = value is not None and math.isfinite(value)
    got = f"{value + 0.0:.3g}" if value is not None and known else "no evidence"
    # Strictly below: the end of an interval at the margin allows the margin's whole loss.
    passed = value is not None and known and value < limit
    return GateLine(name, passed, f"got {got}, wanted below {limit:g} ({setting})")


def is_gated(results: Results, suite: str) -> bool:
    """Whether the gate holds the suite to its limits: a described one may say `gate: false`."""
    described = results.suites_described.get(suite)
    # A suite that nothing describes is gated: only a description can take it out.
    return described is None or described.gate
