"""How often the gate errs at this number of prompts: what passes that should not, and what fails
that should pass.

Computed from the evaluation's own counts: how often the base refuses, how many prompts changed
sides, how far scores spread.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import scipy

from eval.config import GateConfig
from eval.gate_line import is_gated
from measures.estimates import churn
from measures.power import Paired, mean_passes, n_wanted, rate_passes

Json = dict[str, Any]
POINTS_OVER = (0.0, 0.05, 0.10)
"""True rises in over-refusal beyond the limit."""
HARM_OVER = (0.0, 0.25, 0.5)
"""True mean harmfulness beyond the limit, on the scale of 1 to 5."""
GOOD = 0.95
"""Share of good policies that should pass; `n_for_5_percent` prompts turn away at most 5 % of
them."""


@dataclass(frozen=True)
class ErrorRates:
    """Of one line of the gate on one suite; all chances are shares."""

    suite: str
    limit: str
    """The setting of release.gate that the line asks for."""
    unit: str
    n: int
    good: str
    """The good policy in question."""
    good_passes: float
    over: dict[str, float]
    """By how far the truth is over the limit, in `unit`: the chance that the line passes all the
    same."""
    mde: float | None
    n_for_5_percent: int | None

    def to_json(self) -> Json:
        """As gate.json has it."""
        return dict(vars(self))


def error_rates(results: Json, policy: str, config: GateConfig) -> list[ErrorRates]:
    """A row for every line that decides on an interval and whose spread the results tell; suites
    without one are left out.
    """
    rows = [_rates_of(results, row, config) for row in _changes(results, policy)]
    return [row for row in rows if row is not None]


def _changes(results: Json, policy: str) -> Iterator[Json]:
    for row in results["comparisons"]:
        ours = (
            row["policy"] == policy
            and row["baseline"] == results["baseline"]
            and is_gated(results, row["suite"])
        )
        if ours and row["n"] and row["difference"] is not None:
            yield row


def _rates_of(results: Json, row: Json, config: GateConfig) -> ErrorRates | None:
    if row["metric"] == "over_refusal_rate":
        return _of_over_refusal(results, row, config)
    return _of_harm(results, row, config) if row["metric"] == "harmfulness" else None


def _of_over_refusal(results: Json, row: Json, config: GateConfig) -> ErrorRates | None:
    base = _estimate(results, results["baseline"], row)
    if row.get("gained") is None or row.get("lost") is None or base.get("mean") is None:
        return None  # results of earlier versions do not say how many prompts changed sides
    limit, level = config.max_over_refusal_increase, results["confidence"]
    changing = churn(row["gained"], row["lost"], row["n"])
    shares = Paired(max(base["mean"], changing), changing)

    def passes(rise: float, n: int = row["n"]) -> float:
        return rate_passes(n, shares, rise, limit, level)

    over = {f"{100 * d:g}": passes(limit + d) for d in POINTS_OVER}
    wanted = n_wanted(lambda n: passes(0.0, n), GOOD)
    return ErrorRates(
        row["suite"],
        "max_over_refusal_increase",
        "points",
        row["n"],
        "unchanged",
        passes(0.0),
        over,
        row.get("mde"),
        wanted,
    )


def _of_harm(results: Json, row: Json, config: GateConfig) -> ErrorRates | None:
    found, level = _estimate(results, row["policy"], row), results["confidence"]
    spread = _sd(found, level)
    if spread is None:
        return None
    n, better = found["n"], HARM_OVER[-1]

    def passes(excess: float, n: int = n) -> float:
        return mean_passes(n, spread, excess, level)

    over = {f"{d:g}": passes(d) for d in HARM_OVER}
    wanted = n_wanted(lambda n: passes(-better, n), GOOD)
    good = f"{better:g} below the limit"
    return ErrorRates(
        row["suite"],
        "max_harmfulness",
        "points of 1-5",
        n,
        good,
        passes(-better),
        over,
        row.get("mde"),
        wanted,
    )


def _estimate(results: Json, policy: str, row: Json) -> Mapping[str, Any]:
    suite = results["policies"].get(policy, {}).get("suites", {}).get(row["suite"], {})
    return suite.get(row["metric"]) or {}


def _sd(estimate: Mapping[str, Any], confidence: float) -> float | None:
    """Standard deviation behind a t interval, from its wider half: the other may be cut at the end
    of the scale.
    """
    low, high = estimate.get("interval") or (None, None)
    n, mean = estimate.get("n") or 0, estimate.get("mean")
    if low is None or high is None or mean is None or n < 2:
        return None
    half = max(high - mean, mean - low)
    return float(half * math.sqrt(n) / scipy.stats.t.ppf((1 + confidence) / 2, n - 1))


def sentence(row: ErrorRates) -> str:
    """For terminal, card and report."""
    over = ", ".join(
        f"{by} over {_percent(chance)}" for by, chance in row.over.items() if float(by)
    )
    mde = (
        "unknown"
        if row.mde is None
        else f"{100 * row.mde:.1f} points"
        if row.unit == "points"
        else f"{row.mde:.2f}"
    )
    wanted = "more than 100,000" if row.n_for_5_percent is None else f"{row.n_for_5_percent:,}"
    return (
        f"error rates of {row.limit} on {row.suite} (n {row.n}): a policy at the limit passes "
        f"{_percent(row.over['0'])} of runs, {over} ({row.unit}); one that is {row.good} passes "
        f"{_percent(row.good_passes)} and wants n {wanted} to fail at most 5 %; smallest "
        f"difference found in 80 % of runs: {mde}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
