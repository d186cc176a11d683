"""What so many paired prompts can tell: how often a limit passes, the smallest difference that is
found, the n that is wanted.

A limit passes where the upper end of a two-sided interval is within it. Rates are simulated, as
their interval (Newcombe's, method 10) has no closed distribution; means follow the noncentral t
distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import scipy

RUNS = 20_000
"""Simulated a figure: its standard error is at most 0.35 points."""
POWER = 0.8
"""Share of runs in which a smallest detectable difference is found."""
MOST = 100_000
"""Prompts beyond which no number is searched for."""


class Paired(NamedTuple):
    """Shares of prompts: `base`, that the base refuses; `lost`, that only the base refuses."""

    base: float
    lost: float


@cache
def rate_passes(
    n: int, suite: Paired, rise: float, limit: float, confidence: float = 0.95, seed: int = 0
) -> float:
    """Share of runs of n prompts in which a policy whose true rate rises by `rise` keeps the limit
    on the rise.
    """
    # Refusals can only be gained among the prompts that the base does not refuse.
    gained = min(max(suite.lost + rise, 0.0), 1 - suite.base)
    shares = np.clip([suite.base - suite.lost, gained, suite.lost, 1 - suite.base - gained], 0, 1)
    drawn = np.random.default_rng(seed).multinomial(n, shares / shares.sum(), size=RUNS)
    ends = newcombe_upper_ends(drawn[:, 0], drawn[:, 1], drawn[:, 2], n, confidence)
    # An upper end that equals the limit may come out above it by rounding.
    return float((ends <= limit + 1e-9).mean())


def newcombe_upper_ends(
    both: np.ndarray, gained: np.ndarray, lost: np.ndarray, n: int, confidence: float
) -> np.ndarray:
    """`newcombe_interval(...).high` of many tables of n pairs at once; a test holds them equal."""
    after, before = (both + gained).astype(float), (both + lost).astype(float)
    covariance = both.astype(float) * (n - both - gained - lost) - gained.astype(float) * lost
    corrected = np.where(covariance > 0, np.maximum(covariance - n / 2, 0), covariance)
    margins = after * (n - after) * before * (n - before)
    phi = np.where(margins > 0, corrected / np.sqrt(np.maximum(margins, 1)), 0)
    up = _wilson(after, n, confidence)[1] - after / n
    down = before / n - _wilson(before, n, confidence)[0]
    above = np.sqrt(np.maximum(down**2 - 2 * phi * down * up + up**2, 0))
    return np.asarray(np.minimum((after - before) / n + above, 1))


def _wilson(count: np.ndarray, n: int, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    z = _normal((1 + confidence) / 2)
    centre = (count + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(count * (n - count) / n + z**2 / 4)
    return centre - half, centre + half


@cache
def mean_passes(n: int, sd: float, excess: float, confidence: float = 0.95) -> float:
    """Chance that the t interval of n values ends within a limit that the true mean exceeds by
    `excess` (below 0: keeps).
    """
    if n < 2:
        return 0.0
    if sd <= 0:
        return float(excess <= 0)
    t = scipy.stats.t.ppf((1 + confidence) / 2, n - 1)
    chance = float(scipy.stats.nct.cdf(-t, n - 1, excess * math.sqrt(n) / sd))
    # scipy gives NaN where it is all but 0 or 1.
    return float(excess < 0) if math.isnan(chance) else chance


def n_wanted(passes: Callable[[int], float], share: float) -> int | None:
    """The least n from which `passes`, which grows with n, reaches `share`; None where MOST prompts
    do not.
    """
    # Doubling, then halving: a simulation of a large n is slow, so few of them are tried.
    high = 8
    while passes(high) < share:
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) >= share else (middle, high)
    return high


def smallest_rate_difference(n: int, churn: float, confidence: float = 0.95) -> float | None:
    """The difference of paired rates that a test at 1 - confidence finds in 80 % of runs; None
    where none of at most 1 is.

    `churn`: share of prompts that change each way whatever the difference. d solves d sqrt(n) = z_a
    sqrt(psi) + z_b sqrt(psi - d^2), psi = 2 churn + d (Connor, Biometrics 43 (1987) 207-211, for
    McNemar's test).
    """
    z_a, z_b = _normal((1 + confidence) / 2), _normal(POWER)
    # More pairs cannot differ than there are; beyond it psi would be a share above 1.
    most = min(1.0, 1 - 2 * churn)

    def short(d: float) -> float:
        psi = 2 * churn + d
        return d * math.sqrt(n) - z_a * math.sqrt(psi) - z_b * math.sqrt(max(psi - d**2, 0.0))

    # brentq needs a change of sign between its ends.
    if n < 1 or most <= 0 or short(most) < 0:
        return None
    return float(scipy.optimize.brentq(short, 1e-9, most))


def smallest_mean_difference(n: int, sd: float, confidence: float = 0.95) -> float | None:
    """The mean paired difference that a t test at 1 - confidence finds in 80 % of runs of n pairs
    with this SD.
    """
    return None if n < 3 else _smallest_effect(n, confidence) * sd


@cache
def _smallest_effect(n: int, confidence: float) -> float:
    """In standard deviations."""
    t, freedom = scipy.stats.t.ppf((1 + confidence) / 2, n - 1), n - 1

    def short(effect: float) -> float:
        shift = effect * math.sqrt(n)
        # NaN where it is too small for scipy.
        # The test is two-sided: the other tail counts, though it matters for the smallest n only.
        other_tail = np.nan_to_num(scipy.stats.nct.cdf(-t, freedom, shift))
        return float(scipy.stats.nct.sf(t, freedom, shift) + other_tail) - POWER

    return float(scipy.optimize.brentq(short, 1e-6, 4 * t / math.sqrt(n)))


@cache
def _normal(share: float) -> float:
    return float(scipy.stats.norm.ppf(share))
