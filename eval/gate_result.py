"""One line of the gate: what it wanted, what the evidence says, and whether it stops the
release.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from eval.config import AgainstConfig, GateConfig, QualityLimits
from eval.endpoint import Endpoint
from eval.results.results import Results
from measures.estimates import Comparison
from measures.stored import Ends
from records.own_files import Object

SHOWN = {"passed": "pass", "failed": "FAIL", "accepted": "ACCEPTED", "not measured": "NOT MEASURED"}
"""How the terminal shows the outcome of a line."""
MORE_PROMPTS = (
    "give the test split more prompts, for benign ones the source builtin_evaluation (docs/gate.md)"
)


@dataclass(frozen=True)
class GateResult:
    """One line of the gate. `passed` is False where the release must not happen."""

    name: str
    passed: bool
    detail: str
    aside: Literal["", "accepted", "not measured"] = ""
    """Why the line does not stop the release although its evidence did not pass."""

    @property
    def outcome(self) -> str:
        """`passed`, `failed`, `accepted` or `not measured`: nothing else may be shown as passed."""
        return "failed" if not self.passed else self.aside or "passed"

    def to_json(self) -> Object:
        """As gate.json has it."""
        said = {"outcome": self.outcome, "detail": self.detail}
        return {"name": self.name, "passed": self.passed, **said}


class Spanned(Protocol):
    """Anything with an interval: an estimate, or a change."""

    @property
    def interval(self) -> Ends:
        """(low, high)"""


def change_of(results: Results, policy: str, suite: str, metric: str) -> Comparison | None:
    """A policy's paired change against the baseline; None where it was not measured."""
    found = results.change(Endpoint(policy, results.baseline, suite, metric))
    return found.found if found else None


def end_of(estimate: Spanned | None, side: Literal[0, 1]) -> float | None:
    """An end of the interval; None where there is none, or it is not a finite number."""
    end = estimate.interval[side] if estimate else None
    return end if end is not None and math.isfinite(end) else None


def at_most(
    name: str,
    value: float | None,
    config: GateConfig | QualityLimits | AgainstConfig,
    limit: str,
) -> GateResult:
    """A line that passes where the value is at most the limit, a setting of the config; no value
    does not pass.
    """
    wanted = getattr(config, limit)
    # A value at its limit passes, whatever rounding has made of it.
    passed = value is not None and value <= wanted + 1e-9
    return GateResult(name, passed, f"got {_show(value)}, wanted at most {_limit(config, limit)}")


def at_least(
    name: str, value: float | None, config: GateConfig | QualityLimits, limit: str
) -> GateResult:
    """A line that passes where the value is at least the limit; no value does not pass."""
    wanted = getattr(config, limit)
    # A value at its limit passes here too.
    passed = value is not None and value >= wanted - 1e-9
    return GateResult(name, passed, f"got {_show(value)}, wanted at least {_limit(config, limit)}")


def enough(name: str, n: int, config: GateConfig | QualityLimits, limit: str) -> GateResult:
    """A line that passes where there are prompts enough."""
    passed = n >= getattr(config, limit)
    remedy = "" if passed else f"; {MORE_PROMPTS}"
    return GateResult(name, passed, f"got {n}, wanted at least {_limit(config, limit)}{remedy}")


def _limit(config: GateConfig | QualityLimits | AgainstConfig, name: str) -> str:
    """The limit, and beside it the default where the config has another."""
    # Shown beside each other, so that a reader of the card sees which limits were moved.
    value, default = getattr(config, name), getattr(type(config)(), name)
    return f"{value:g}" if value == default else f"{value:g} (default {default:g})"


def _show(value: float | None) -> str:
    return "no evidence" if value is None else f"{value + 0.0:.3g}"  # -0.0 is shown as 0
