"""What a probe of a scorer has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from measures.estimates import MIN_PRINTED, Estimate, printed
from records.own_files import Object, entry


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """A probe's figure beside its bar; `passed` is None where it has none, or where too little was
    scored.
    """

    probe: str
    figure: Estimate
    bar: str
    passed: bool | None

    @classmethod
    def from_json(cls, probe: str, value: Object) -> ProbeResult:
        """Raises ValueError where it is none. Of few cases validation.json has the count alone."""
        counted = value.get("mean") is None
        n = entry(value, "n", int)
        return cls(
            probe=probe,
            figure=Estimate(None, None, None, n) if counted else Estimate.from_json(value),
            bar=entry(value, "bar", str),
            passed=entry(value, "passed", bool, optional=True),
        )

    def to_json(self) -> dict[str, Any]:
        """As validation.json has it."""
        return {**printed(self.figure), "bar": self.bar, "passed": self.passed}

    def told(self) -> str:
        """The figure and its bar; of few cases their number alone."""
        figure = self.figure
        if figure.mean is None or figure.n < MIN_PRINTED:
            return f"too few (n {figure.n})"
        ends = "" if figure.low is None else f"{figure.low:.2f} to {figure.high:.2f}, "
        return f"{figure.mean:.2f} ({ends}n {figure.n}), wanted {self.bar}"


def failures(results: Sequence[ProbeResult]) -> list[str]:
    """What a later stage refuses a scorer for; empty where it passed."""
    found: list[str] = []
    for result in results:
        # None is no failure: the probe has no bar, or too little was scored.
        if result.passed is False:
            found.append(f"{result.probe}: {result.figure.mean:.3f}, wanted {result.bar}")
    return found
