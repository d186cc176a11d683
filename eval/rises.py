"""The rise of over-refusal above the base, suite by suite, from the rows of a scoreboard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from eval.results.scoreboard_row import ScoreboardRow
from measures.estimates import newcombe_interval
from records.own_files import entry, object_of


@dataclass(frozen=True)
class Rise:
    """Over-refusal of one suite, an epoch less the base: a difference of shares, paired.

    `difference` is None where either side was not measured, `interval` holds None where the rows do
    not tell which prompts were refused.
    """

    difference: float | None
    interval: tuple[float | None, float | None]
    n: int

    def to_json(self) -> dict[str, Any]:
        """As selection.json has it."""
        return {"difference": self.difference, "interval": list(self.interval), "n": self.n}

    @classmethod
    def from_json(cls, value: Any) -> Rise:
        """Raises ValueError where it is no rise."""
        known = object_of(value)
        if len(ends := entry(known, "interval", list)) != 2:
            raise ValueError(f"interval: wanted its two ends, got {len(ends)} values")
        low, high = (entry({"interval": end}, "interval", float, optional=True) for end in ends)
        difference = entry(known, "difference", float, optional=True)
        return cls(difference, (low, high), entry(known, "n", int))

    @property
    def bound(self) -> float:
        """What is held against the limit: the upper end.

        A rise without an interval counts as infinite.
        """
        # What was not shown to be within the bound must not be taken as within it.
        high = self.interval[1]
        return high if high is not None and math.isfinite(high) else math.inf


def rises(row: ScoreboardRow, base: ScoreboardRow, confidence: float) -> dict[str, Rise]:
    """By suite, the rise in over-refusal of a row above the base's, on the same prompts."""
    made: dict[str, Rise] = {}
    for suite in row.over_refusal_by_suite:
        made[suite] = _rise(suite, row, base, confidence)
    return made


def _rise(suite: str, row: ScoreboardRow, base: ScoreboardRow, confidence: float) -> Rise:
    after, before = row.over_refusal_by_suite[suite], base.over_refusal_by_suite.get(suite)
    # A suite of which one side is unscored has no rise; n 0 says so.
    if before is None or after.mean is None or before.mean is None:
        return Rise(None, (None, None), 0)
    difference = after.mean - before.mean
    n = after.n
    # Without the ids of refused prompts, or on other prompts, there are two shares but no pairs.
    if (
        row.over_refused is None
        or base.over_refused is None
        or before.n != n
        or not math.isfinite(difference)
    ):
        return Rise(difference, (None, None), min(n, before.n))
    refused, known = set(row.over_refused[suite]), set(base.over_refused[suite])
    # The table of McNemar: refused by both, by the row alone, by the base alone; the rest by
    # neither.
    both, gained, lost = len(refused & known), len(refused - known), len(known - refused)
    # Newcombe's interval for paired shares (1998, method 10) holds its level on small suites and at
    # 0 %, where Wald's has no width.
    interval = newcombe_interval(both, gained, lost, n - both - gained - lost, confidence)
    return Rise(difference, (interval.low, interval.high), n)


def read_rise(suite: str, value: Any) -> Rise:
    """Of a suite, from selection.json. Raises ValueError that names the suite."""
    try:
        return Rise.from_json(value)
    except ValueError as error:
        raise ValueError(f"over_refusal: {suite}: {error}") from error


def error_of(interval: Sequence[float | None], confidence: float) -> float:
    """The standard error that an interval of this level stands for; 0 where it has no ends."""
    low, high = interval
    # 0 makes the rule of one standard error choose the least harm alone, which claims nothing.
    if low is None or high is None or not math.isfinite(high - low):
        return 0.0
    # Undoes the width of a normal interval; a t interval of few prompts then gives a slightly
    # larger error, which only widens the tie.
    normal = NormalDist().inv_cdf((1 + confidence) / 2)
    return float(high - low) / (2 * normal)


def told_by_suite(found: dict[str, Rise]) -> str:
    """`twins: +23 points (+4 to +41, n 26); ...`, the worst suite first."""
    # The bound decides, so the suite that decides stands first.
    worst_first = sorted(found.items(), key=lambda item: -item[1].bound)
    return "; ".join(f"{suite}: {_points(rise)}" for suite, rise in worst_first)


def _points(rise: Rise) -> str:
    if rise.difference is None:
        return "not measured"
    low, high = rise.interval
    interval = "" if low is None or high is None else f"{100 * low:+.0f} to {100 * high:+.0f}, "
    return f"{100 * rise.difference:+.0f} points ({interval}n {rise.n})"
