"""What an estimate and a paired comparison are: numbers with their intervals, read and written as
JSON.

How they are computed is in measures/estimates.py; here nothing is loaded for them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from measures.stored import Ends, count_or_none, ends_of, number_or_none
from records.own_files import Object, entry

MIN_PRINTED = 20
"""With fewer, a rate is no figure: its interval would hold most of what is possible."""


class PrintedFigure(TypedDict, total=False):
    """An estimate as JSON; of fewer than MIN_PRINTED the count alone."""

    mean: float | None
    interval: list[float | None]
    n: int
    unscored: int


@dataclass(frozen=True)
class Estimate:
    """A mean or a rate. `n` counts what was scored; without any, the numbers are None."""

    mean: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int = 0

    @property
    def interval(self) -> Ends:
        """(low, high)"""
        return self.low, self.high

    @classmethod
    def from_json(cls, value: Object) -> Estimate:
        """Raises ValueError where it is no estimate."""
        low, high = ends_of(value)
        return cls(
            number_or_none(value, "mean"),
            low,
            high,
            entry(value, "n", int),
            entry(value, "unscored", int, optional=True) or 0,
        )

    def to_json(self) -> dict[str, Any]:
        """As results.json has it."""
        return {
            "mean": self.mean,
            "interval": [self.low, self.high],
            "n": self.n,
            "unscored": self.unscored,
        }


@dataclass(frozen=True)
class Comparison:
    """A paired difference. `n` counts pairs scored on both sides, `unscored` the others."""

    difference: float | None
    low: float | None
    high: float | None
    n: int
    p_value: float | None
    test: str
    p_holm: float | None = None
    unscored: int = 0
    mde: float | None = None
    """The smallest true difference, either way, that so many pairs with this spread show in 80 % of
    runs."""
    gained: int | None = None
    """Of rates: pairs that only `after` counts in. `lost`: that only `before` does."""
    lost: int | None = None

    @property
    def interval(self) -> Ends:
        """(low, high)"""
        return self.low, self.high

    @classmethod
    def from_json(cls, value: Object) -> Comparison:
        """Raises ValueError where it is no comparison."""
        low, high = ends_of(value)
        return cls(
            number_or_none(value, "difference"),
            low,
            high,
            entry(value, "n", int),
            number_or_none(value, "p_value"),
            entry(value, "test", str, optional=True) or "",
            number_or_none(value, "p_holm"),
            entry(value, "unscored", int, optional=True) or 0,
            number_or_none(value, "mde"),
            count_or_none(value, "gained"),
            count_or_none(value, "lost"),
        )

    def to_json(self) -> dict[str, Any]:
        """As results.json has it."""
        row = asdict(self)
        row["interval"] = [row.pop("low"), row.pop("high")]
        return row
