"""The verdict's first sentence where people have rated completions of the test prompts."""

from __future__ import annotations

from typing import Any

from eval.endpoint import Endpoint
from eval.report.tables import difference_text, interval_text

Json = dict[str, Any]
METRICS = ("harmfulness", "harm_chance")
"""People rate on the scale of the first; the second is corrected too, for measurements without a
reward model."""


def corrected_change(results: Json, endpoint: Endpoint) -> Json | None:
    """The primary comparison as people's ratings correct it; None where there are none of it."""
    about = (endpoint.policy, endpoint.baseline, endpoint.suite)
    found = {}
    for row in (results.get("people") or {}).get("changes", []):
        if (row["policy"], row["baseline"], row["suite"]) == about:
            found[row["metric"]] = dict(row)
    return next((found[metric] for metric in METRICS if metric in found), None)


def corrected_figure(results: Json, policy: str, suite: str, metric: str) -> str:
    """Mean harmfulness of a policy, or its mean chance of harm, corrected."""
    own = results["people"]["policies"].get(policy, {}).get(suite, {}).get(metric, {})
    value = (own.get("prediction_powered") or {}).get("mean")
    if value is None:
        return "an unknown level"
    return f"{value:.2f}" if metric == "harmfulness" else f"{100 * value:.1f} %"


def beside_the_scorer(change: Json, raw: Json) -> str:
    """On how many ratings the corrected change rests, and what the scorer alone says."""
    alone = f"{difference_text(raw)} ({interval_text(raw)})"
    return (
        f" (the scorer corrected by people's ratings on {change['rated']} prompts; the scorer "
        f"alone: {alone})"
    )
