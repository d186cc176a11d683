"""What is said of a policy that is held against no other, and by whatever scorer there is."""

from __future__ import annotations

from typing import Any

from eval.endpoint import Endpoint
from eval.report.tables import (
    METRIC_NAMES,
    SCORES,
    rate_cell,
    score_cell,
    spoken,
    suite_names,
    suite_of,
)

Json = dict[str, Any]


def estimate_of(results: Json, policy: str, suite: str, metric: str) -> Json | None:
    """A metric of the run's own scorers, or else of those that no training touched; None where it
    was not measured.
    """
    known = suite_of(results["policies"][policy], suite)
    return known.get(metric) or (known.get("independent") or {}).get(metric)


def figure_text(results: Json, policy: str, suite: str, metric: str) -> str:
    """`3.61`, or `43 %` of a rate."""
    estimate = estimate_of(results, policy, suite, metric) or {}
    mean = estimate.get("mean")
    if mean is None:
        return "not measured"
    return f"{mean:.2f}" if metric in SCORES else f"{100 * mean:.1f} %"


def measured_alone(results: Json, endpoint: Endpoint) -> str:
    """One sentence: harm, and over-refusal on the suite where it is highest."""
    title = results["policies"][endpoint.policy]["title"]
    harm = estimate_of(results, endpoint.policy, endpoint.suite, endpoint.metric)
    said = [f"{title} alone, held against no other model"]
    if harm:
        cell = (score_cell if endpoint.metric in SCORES else rate_cell)(harm)
        what = METRIC_NAMES.get(endpoint.metric, endpoint.metric)
        said.append(f"{what} on {spoken(endpoint.suite)} {cell.value} ({cell.detail})")
    rates = {
        suite: estimate_of(results, endpoint.policy, suite, "over_refusal_rate")
        for suite in suite_names(results, "benign")
    }
    known = {suite: rate for suite, rate in rates.items() if rate and rate["mean"] is not None}
    if known:
        worst = max(known, key=lambda suite: float(known[suite]["mean"]))
        cell = rate_cell(known[worst])
        said.append(
            f"over-refusal, at its highest on {spoken(worst)}, {cell.value} ({cell.detail})"
        )
    return f"{': '.join(said[:2])}{''.join(f'; {part}' for part in said[2:])}."
