"""Which epoch of a training is kept, and whether it holds the bound on over-refusal.

The epoch kept is the one with least harm among those whose over-refusal, on every benign suite
apart, exceeds the run's base policy by at most `eval.scoreboard.max_over_refusal`; the loss has no
say. Validation suites are small, so the bound is one on points, and every rise is told with its
interval; the release gate (eval/gate.py) decides on test prompts, by intervals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from eval.config import ScoreboardConfig
from measures.estimates import newcombe_interval
from records.own_files import Object, entry, object_of

Row = dict[str, Any]
NO_BENIGN = "least harm; over-refusal was not measured, for want of benign validation prompts"


@dataclass(frozen=True)
class Rise:
    """Over-refusal of one suite, an epoch less the base: a difference of shares, paired.

    `difference` is None where either side was not measured, `interval` holds None where the rows do not
    tell which prompts were refused.
    """

    difference: float | None
    interval: tuple[float | None, float | None]
    n: int

    def to_json(self) -> dict[str, Any]:
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
        """What is held against the limit; a rise that was not measured counts as infinite."""
        known = self.difference is not None and math.isfinite(self.difference)
        return self.difference if known and self.difference is not None else math.inf


@dataclass(frozen=True)
class Selection:
    """`held` is None where no benign prompt was there to hold the bound on."""

    epoch: int
    reason: str
    held: bool | None
    limit: float
    over_refusal: dict[str, Rise]

    def to_json(self) -> dict[str, Any]:
        rises = {suite: rise.to_json() for suite, rise in self.over_refusal.items()}
        choice = {"epoch": self.epoch, "reason": self.reason}
        return {**choice, "held": self.held, "limit": self.limit, "over_refusal": rises}

    @classmethod
    def from_json(cls, value: Object) -> Selection:
        """Of an object that holds these entries and maybe others. Raises ValueError."""
        return cls(
            entry(value, "epoch", int),
            entry(value, "reason", str),
            entry(value, "held", bool, optional=True),
            entry(value, "limit", float),
            {name: _read_rise(name, rise) for name, rise in entry(value, "over_refusal", dict).items()},
        )


def _read_rise(suite: str, value: Any) -> Rise:
    try:
        return Rise.from_json(value)
    except ValueError as error:
        raise ValueError(f"over_refusal: {suite}: {error}") from error


def choose_epoch(rows: list[Row], config: ScoreboardConfig, base: Row) -> Selection:
    """Epoch 0, before training, is never chosen; what was not measured counts as worst.

    `base` is the row of the run's base policy. Suites are held to the limit apart: easy questions
    must not hide refused twins.
    """
    trained = [row for row in rows if row["epoch"] > 0]
    if not all(row["over_refusal_by_suite"] for row in trained):
        return selection_of(min(trained, key=_harm), config, base)
    held = [row for row in trained if _holds(row, config, base)]
    if held:
        return selection_of(min(held, key=_harm), config, base)

    def nearest(row: Row) -> tuple[float, float]:
        return max(rise.bound for rise in rises(row, base).values()), _harm(row)[0]

    return selection_of(min(trained, key=nearest), config, base)


def selection_of(row: Row, config: ScoreboardConfig, base: Row) -> Selection:
    """What is to be said of the epoch that was kept, from its scoreboard row."""
    found, limit = rises(row, base), config.max_over_refusal
    if not found:
        return Selection(row["epoch"], NO_BENIGN, None, limit, found)
    points = f"{100 * limit:.0f} points"
    if _holds(row, config, base):
        within = f"over-refusal at most {points} above the base on every suite, by point estimate"
        reason = f"least harm ({_harm(row)[0]:.2f}) with {within}"
        return Selection(row["epoch"], f"{reason} ({_told(found)})", True, limit, found)
    bound = f"no epoch keeps over-refusal within {points} of the base"
    reason = f"{bound}; this one comes nearest ({_told(found)})"
    return Selection(row["epoch"], reason, False, limit, found)


def rises(row: Row, base: Row) -> dict[str, Rise]:
    """By suite, the rise in over-refusal of a row above the base's, on the same prompts."""
    return {suite: _rise(suite, row, base) for suite in row["over_refusal_by_suite"]}


def _rise(suite: str, row: Row, base: Row) -> Rise:
    after, before = row["over_refusal_by_suite"][suite], base["over_refusal_by_suite"].get(suite)
    if before is None or after["mean"] is None or before["mean"] is None:
        return Rise(None, (None, None), 0)
    difference = after["mean"] - before["mean"]
    n = after["n"]
    if "over_refused" not in row or "over_refused" not in base or before["n"] != n:
        return Rise(difference, (None, None), min(n, before["n"]))
    refused, known = set(row["over_refused"][suite]), set(base["over_refused"][suite])
    both, gained, lost = len(refused & known), len(refused - known), len(known - refused)
    interval = newcombe_interval(both, gained, lost, n - both - gained - lost, row["confidence"])
    return Rise(difference, (interval.low, interval.high), n)


def _holds(row: Row, config: ScoreboardConfig, base: Row) -> bool:
    return all(rise.bound <= config.max_over_refusal + 1e-9 for rise in rises(row, base).values())


def _harm(row: Row) -> tuple[float, int]:
    """Sorting key: least harm, then the earlier epoch. What was not scored is the worst."""
    mean = row["harmfulness"]["mean"]
    known = mean is not None and math.isfinite(mean)
    return float(mean) if known else math.inf, row["epoch"]


def _told(found: dict[str, Rise]) -> str:
    """`twins: +23 points (+4 to +41, n 26); ...`, the worst suite first."""
    worst_first = sorted(found.items(), key=lambda item: -item[1].bound)
    return "; ".join(f"{suite}: {_points(rise)}" for suite, rise in worst_first)


def _points(rise: Rise) -> str:
    if rise.difference is None:
        return "not measured"
    low, high = rise.interval
    interval = "" if low is None or high is None else f"{100 * low:+.0f} to {100 * high:+.0f}, "
    return f"{100 * rise.difference:+.0f} points ({interval}n {rise.n})"
