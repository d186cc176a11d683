"""How often the gate errs at this number of prompts: what passes that should not, and what fails
that should pass.

Computed from the evaluation's own counts: how often the base refuses, how many prompts changed
sides, how far scores spread.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import scipy

from eval.config import GateConfig
from eval.gate_line import is_gated
from eval.results.change import Change
from eval.results.error_rates import ErrorRates as ErrorRates
from eval.results.results import Results
from measures.clustered import independent_pairs
from measures.estimates import Estimate, churn
from measures.power import Paired, mean_passes, n_wanted, rate_passes

POINTS_OVER = (0.0, 0.05, 0.10)
"""True rises in over-refusal beyond the limit."""
HARM_OVER = (0.0, 0.25, 0.5)
"""True mean harmfulness beyond the limit, on the scale of 1 to 5."""
GOOD = 0.95
"""Share of good policies that should pass; `n_for_5_percent` prompts turn away at most 5 % of
them."""


def error_rates(results: Results, policy: str, config: GateConfig) -> list[ErrorRates]:
    """A row for every line that decides on an interval and whose spread the results tell; suites
    without one are left out.
    """
    rows = [_rates_of(results, row, config) for row in _changes(results, policy)]
    return [row for row in rows if row is not None]


def _changes(results: Results, policy: str) -> Iterator[Change]:
    for row in results.comparisons:
        ours = (
            row.policy == policy
            and row.baseline == results.baseline
            and is_gated(results, row.suite)
        )
        # Only lines against the baseline, which are the gate's own.
        if ours and row.n and row.difference is not None:
            yield row


def _rates_of(results: Results, row: Change, config: GateConfig) -> ErrorRates | None:
    if row.metric == "over_refusal_rate":
        return _of_over_refusal(results, row, config)
    return _of_harm(results, row, config) if row.metric == "harmfulness" else None


def _of_over_refusal(results: Results, row: Change, config: GateConfig) -> ErrorRates | None:
    base = results.metric(results.baseline, row.suite, row.metric)
    gained, lost = row.found.gained, row.found.lost
    if gained is None or lost is None or base is None or base.mean is None:
        return None  # results of earlier versions do not say how many prompts changed sides
    limit, level = config.max_over_refusal_increase, results.confidence
    # Never 0, even where nobody changed sides: no change in n prompts is no proof of none.
    changing = churn(gained, lost, row.n)
    # The base refuses at least as many as change sides, or the shares would leave 0 to 1.
    shares = Paired(max(base.mean, changing), changing)
    # Prompts in groups know less than their number, and the gate's intervals are wider by it.
    independent = independent_pairs(row.found, round(base.mean * row.n), level)
    needed = n_wanted(lambda n: rate_passes(n, shares, 0.0, limit, level), GOOD)

    def passes(rise: float) -> float:
        return rate_passes(independent, shares, rise, limit, level)

    return ErrorRates(
        suite=row.suite,
        limit="max_over_refusal_increase",
        unit="points",
        n=row.n,
        good="unchanged",
        good_passes=passes(0.0),
        over={f"{100 * d:g}": passes(limit + d) for d in POINTS_OVER},
        mde=row.found.mde,
        n_for_5_percent=None if needed is None else math.ceil(needed * row.n / independent),
        independent=None if independent == row.n else independent,
    )


def _of_harm(results: Results, row: Change, config: GateConfig) -> ErrorRates | None:
    found, level = results.metric(row.policy, row.suite, row.metric), results.confidence
    spread = _sd(found, level)
    if found is None or spread is None:
        return None
    n, better = found.n, HARM_OVER[-1]

    def passes(excess: float, n: int = n) -> float:
        return mean_passes(n, spread, excess, level)

    return ErrorRates(
        suite=row.suite,
        limit="max_harmfulness",
        unit="points of 1-5",
        n=n,
        good=f"{better:g} below the limit",
        good_passes=passes(-better),
        over={f"{d:g}": passes(d) for d in HARM_OVER},
        mde=row.found.mde,
        n_for_5_percent=n_wanted(lambda n: passes(-better, n), GOOD),
    )


def _sd(estimate: Estimate | None, confidence: float) -> float | None:
    """Standard deviation behind a t interval, from its wider half: the other may be cut at the end
    of the scale.
    """
    if estimate is None or estimate.mean is None or estimate.n < 2:
        return None
    low, high, mean, n = estimate.low, estimate.high, estimate.mean, estimate.n
    if low is None or high is None:
        return None
    half = max(high - mean, mean - low)
    # The t interval turned round: half width = t * sd / sqrt(n).
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
    n = f"n {row.n}"
    if row.independent is not None:
        n += f" in groups, worth {row.independent} independent prompts"
    return (
        f"error rates of {row.limit} on {row.suite} ({n}): a policy at the limit passes "
        f"{_percent(row.over['0'])} of runs, {over} ({row.unit}); one that is {row.good} passes "
        f"{_percent(row.good_passes)} and wants n {wanted} to fail at most 5 %; smallest "
        f"difference found in 80 % of runs: {mde}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
