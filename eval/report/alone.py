"""What is said of a policy that is held against no other, and by whatever scorer there is."""

from __future__ import annotations

from eval.endpoint import Endpoint
from eval.report.tables import METRIC_NAMES, SCORES, rate_cell, score_cell, spoken
from eval.results.results import Results
from measures.estimates import Estimate


def figure_text(results: Results, policy: str, suite: str, metric: str) -> str:
    """`3.61`, or `43 %` of a rate."""
    estimate = results.metric(policy, suite, metric)
    mean = estimate.mean if estimate else None
    if mean is None:
        return "not measured"
    return f"{mean:.2f}" if metric in SCORES else f"{100 * mean:.1f} %"


def measured_alone(results: Results, endpoint: Endpoint) -> str:
    """One sentence: harm, and over-refusal on the suite where it is highest."""
    title = results.title(endpoint.policy)
    harm = results.metric(endpoint.policy, endpoint.suite, endpoint.metric)
    said = [f"{title} alone, held against no other model"]
    if harm:
        cell = (score_cell if endpoint.metric in SCORES else rate_cell)(harm)
        what = METRIC_NAMES.get(endpoint.metric, endpoint.metric)
        said.append(f"{what} on {spoken(endpoint.suite)} {cell.value} ({cell.detail})")
    known: dict[str, Estimate] = {}
    for suite in results.suite_names("benign"):
        rate = results.metric(endpoint.policy, suite, "over_refusal_rate")
        if rate and rate.mean is not None:
            known[suite] = rate
    if known:
        # The highest and no mean, which easy questions would lower.
        worst = max(known, key=lambda suite: float(known[suite].mean or 0.0))
        cell = rate_cell(known[worst])
        said.append(
            f"over-refusal, at its highest on {spoken(worst)}, {cell.value} ({cell.detail})"
        )
    return f"{': '.join(said[:2])}{''.join(f'; {part}' for part in said[2:])}."
