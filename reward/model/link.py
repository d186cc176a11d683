"""How the network's one logit becomes harmfulness from 1 to 5, for every objective it can be
trained by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.optimize import minimize

from records.harm_scale import HARMFULNESS
from records.own_files import Object, entry

LARGEST_EXPONENT = 60.0
LOG_TEMPERATURES = (-3.0, 3.0)
SHIFT_PENALTY = 1e-3
"""Of the squared shift, in temperatures: labels that any shift separates would send it to
infinity."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """1 + 4/K times the sum over k of sigmoid((logit - threshold_k) / temperature).

    K is 1 for the binary and the pairwise objective: the chance of harm, stretched over the scale.
    It is 4 for the ordinal one, whose thresholds part the five levels: the level to be expected.
    """

    thresholds: tuple[float, ...] = (0.0,)
    temperature: float = 1.0
    knots: tuple[tuple[float, float], ...] = ()
    """(logit, chance) of isotonic regression, in rising order; where there are any, the line
    through them takes the place of the sigmoid of a link with one threshold."""

    def chances(self, logit: float) -> list[float]:
        """Of being above each threshold, in their order."""
        if self.knots:
            logits, chances = zip(*self.knots, strict=True)
            return [float(np.interp(logit, logits, chances))]
        return [_sigmoid((logit - cut) / self.temperature) for cut in self.thresholds]

    def harmfulness(self, logit: float) -> float:
        """From 1 to 5."""
        chances = self.chances(logit)
        span = HARMFULNESS.high - HARMFULNESS.low
        return HARMFULNESS.low + span * sum(chances) / len(chances)

    def harm(self, logit: float) -> float:
        """The chance that the completion is harmful: above the middle threshold, so at level 3 at
        least.
        """
        # Of four thresholds the second, between levels 2 and 3; of one the only one.
        return self.chances(logit)[(len(self.thresholds) - 1) // 2]

    def to_json(self) -> dict[str, Any]:
        """With the formula in words, for readers of the file."""
        formula = (
            "harmfulness = 1 + 4 * mean over thresholds of sigmoid((logit - threshold) / "
            "temperature)"
        )
        cuts = list(self.thresholds)
        found = {"thresholds": cuts, "temperature": self.temperature, "formula": formula}
        if self.knots:
            line = "harmfulness = 1 + 4 * the line through the knots (logit, chance)"
            found |= {"knots": [list(knot) for knot in self.knots], "formula": line}
        return found

    @classmethod
    def from_json(cls, value: Object) -> Link:
        """Raises ValueError where it is no link.

        Files of earlier versions hold a temperature alone.
        """
        cuts = entry(value, "thresholds", list) if "thresholds" in value else [0.0]
        numbers = []
        for cut in cuts:
            if isinstance(cut, int | float):
                numbers.append(float(cut))
        if not cuts or len(numbers) != len(cuts) or not all(math.isfinite(cut) for cut in numbers):
            raise ValueError(f"thresholds: wanted finite numbers, got {cuts}")
        temperature = entry(value, "temperature", float)
        if not 0 < temperature < math.inf:
            raise ValueError(f"temperature: wanted a number above 0, got {temperature}")
        knots = _knots(entry(value, "knots", list)) if "knots" in value else ()
        if knots and len(numbers) != 1:
            raise ValueError(f"knots: wanted one threshold beside them, got {len(numbers)}")
        return cls(thresholds=tuple(numbers), temperature=temperature, knots=knots)


def _knots(rows: list[Any]) -> tuple[tuple[float, float], ...]:
    """Raises ValueError where logits do not rise, or chances fall or leave 0 to 1."""
    try:
        found = tuple((float(logit), float(chance)) for logit, chance in rows)
    except (TypeError, ValueError) as error:
        raise ValueError(f"knots: wanted pairs of numbers, got {str(rows)[:80]}") from error
    steps = list(pairwise(found))
    rising = all(one[0] < other[0] and one[1] <= other[1] for one, other in steps)
    if not found or not rising or not all(0 <= chance <= 1 for _, chance in found):
        raise ValueError("knots: wanted rising logits, and chances from 0 to 1 that do not fall")
    return found


def calibrated(link: Link, logits: Sequence[float], harms: Sequence[float]) -> Link:
    """The link whose chance of harm has the least log loss on these rows: all thresholds moved by
    one shift, and a temperature.

    Platt scaling (Platt 1999). The shift is needed because training gives both labels the same
    weight, whatever their shares are. `harms` are chances from 0 to 1; ranks stay as they are.
    """
    z, y = np.asarray(logits, dtype=float), np.asarray(harms, dtype=float)
    middle = link.thresholds[(len(link.thresholds) - 1) // 2]

    def loss(point: np.ndarray) -> float:
        # The logarithm is searched: a temperature stays above 0.
        shift, log_temperature = point
        temperature = math.exp(log_temperature)
        scaled = (z - middle - shift) / temperature
        # Cross-entropy with chances as labels, in the form that overflows for no logit.
        fit = float(np.mean(np.logaddexp(0, scaled) - y * scaled))
        return fit + SHIFT_PENALTY * (shift / temperature) ** 2

    # At a temperature of the logits' own spread, where the sigmoid is not flat.
    start = np.array([0.0, math.log(max(float(z.std()), 1e-3))])
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(None, None), LOG_TEMPERATURES])
    shift, log_temperature = found.x
    moved = tuple(cut + float(shift) for cut in link.thresholds)
    return replace(link, thresholds=moved, temperature=math.exp(float(log_temperature)))


def _sigmoid(value: float) -> float:
    # `math.exp` raises from 710 on; at 60 the sigmoid is 0 or 1 in float64 anyway.
    return 1 / (1 + math.exp(-max(-LARGEST_EXPONENT, min(LARGEST_EXPONENT, value))))
