"""Lagrange multipliers of limits, by projected dual ascent: pure bookkeeping, which knows no
policy.

A multiplier rises while what it holds exceeds its limit, falls while there is room, and never goes
below 0 or above a cap. There is no momentum and no per-coordinate scaling: Adam divides an excess
by its own size, so that one point over the limit would raise a multiplier as fast as thirty.

Ascent alone oscillates: it adds up excess, so that a multiplier is highest when the excess is gone.
A share of the excess of the moment, which acts at once and is gone with it, damps that (PID
Lagrangian, arXiv 2007.03964).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """How multipliers follow the excess. Rates are per update."""

    rate: float
    """What an excess of 1 (100 points) adds to a multiplier."""
    cap: float
    """No multiplier grows beyond this: a limit that cannot be held must not drown everything
    else."""
    delay: int = 0
    """Updates that only feed the moving average, before multipliers move for the first time."""
    decay: float = 0.0
    """The rate of update k after the delay is rate / (1 + decay k): smaller steps end
    oscillation."""
    memory: float = 0.0
    """Share of the moving average that the past keeps; 0 follows the last measurement alone."""
    proportional: float = 0.0
    """What an excess of 1 adds to a multiplier for as long as it lasts."""


def updated(value: float, excess: float, *, rate: float, cap: float) -> float:
    """One step of projected ascent: value + rate x excess, held between 0 and cap.

    >>> updated(1.0, 0.1, rate=5.0, cap=10.0)
    1.5
    >>> updated(0.2, -0.1, rate=5.0, cap=10.0)
    0.0
    """
    return min(max(value + rate * excess, 0.0), cap)


class Multipliers:
    """One multiplier a limit, all 0 (or `start`) at first.

    `limits` holds the most that each measured quantity may be, by name. Its state is plain numbers,
    so that it fits in any checkpoint.
    """

    def __init__(self, limits: Mapping[str, float], ascent: Ascent, start: float = 0.0) -> None:
        self.limits, self.ascent = dict(limits), ascent
        self.ascended = dict.fromkeys(self.limits, min(start, ascent.cap))
        self.values = dict(self.ascended)
        self.averages: dict[str, float] = {}
        self.updates = 0

    def update(self, measured: Mapping[str, float]) -> dict[str, float]:
        """The multipliers after one more measurement of what is limited.

        A name that was not measured (absent, or NaN) keeps its multiplier and its average. On
        several ranks the measurement must be of all of them: sums are added up before they are
        divided.
        """
        unknown = sorted(set(measured) - set(self.limits))
        if unknown:
            raise ValueError(
                f"measured {unknown}, which have no limit; limits are on {sorted(self.limits)}"
            )
        counted = self.updates - self.ascent.delay
        rate = self.ascent.rate / (1 + self.ascent.decay * max(counted, 0))
        for name, value in measured.items():
            if math.isnan(value):
                continue
            self.averages[name] = self._averaged(name, value)
            # In the delay averages form and nothing moves: one measurement is mostly noise.
            if counted >= 0:
                excess = self.averages[name] - self.limits[name]
                self._move(name, excess, rate)
        self.updates += 1
        return dict(self.values)

    def _move(self, name: str, excess: float, rate: float) -> None:
        cap = self.ascent.cap
        self.ascended[name] = updated(self.ascended[name], excess, rate=rate, cap=cap)
        self.values[name] = updated(
            self.ascended[name], excess, rate=self.ascent.proportional, cap=cap
        )

    def take(
        self, values: Mapping[str, float], ascended: Mapping[str, float] | None = None
    ) -> None:
        """Go on from these; a name that is missing stays where it is.

        `ascended` is the part of each that had been added up, all of it where nothing says so.
        """
        added_up = values if ascended is None else ascended
        for name in self.limits:
            if name in values:
                self.values[name], self.ascended[name] = values[name], added_up[name]

    def _averaged(self, name: str, value: float) -> float:
        # The first measurement is the average: started at 0, it would look far below the limit for
        # long.
        memory = self.ascent.memory if name in self.averages else 0.0
        return memory * self.averages.get(name, 0.0) + (1 - memory) * value

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "values": dict(self.values),
            "ascended": dict(self.ascended),
            "averages": dict(self.averages),
            "updates": self.updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError where the state is of other limits."""
        # A checkpoint of another mix of suites: its multipliers would be of other pairs.
        if set(state["values"]) != set(self.limits):
            raise ValueError(
                f"the state holds multipliers of {sorted(state['values'])}; wanted "
                f"{sorted(self.limits)}"
            )
        self.values, self.ascended = dict(state["values"]), dict(state["ascended"])
        self.averages = dict(state["averages"])
        self.updates = int(state["updates"])
