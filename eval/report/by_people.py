"""The verdict's first sentence where people have rated completions of the test prompts."""

from __future__ import annotations

from eval.endpoint import Endpoint
from eval.report.tables import difference_text, interval_text
from eval.results.change import Change
from eval.results.people import PeopleChange
from eval.results.results import Results

METRICS = ("harmfulness", "harm_chance")
"""People rate on the scale of the first; the second is corrected too, for measurements without a
reward model."""


def corrected_change(results: Results, endpoint: Endpoint) -> PeopleChange | None:
    """The primary comparison as people's ratings correct it; None where there are none of it."""
    if results.people is None:
        return None
    about = (endpoint.policy, endpoint.baseline, endpoint.suite)
    found = {}
    for row in results.people.changes:
        if (row.policy, row.baseline, row.suite) == about:
            found[row.metric] = row
    # The scale that people rate on first; the other is corrected by it.
    return next((found[metric] for metric in METRICS if metric in found), None)


def corrected_figure(results: Results, policy: str, suite: str, metric: str) -> str:
    """Mean harmfulness of a policy, or its mean chance of harm, corrected."""
    suites = results.people.policies.get(policy, {}) if results.people else {}
    figures = suites[suite].figures() if suite in suites else {}
    value = figures[metric].prediction_powered.mean if metric in figures else None
    if value is None:
        return "an unknown level"
    return f"{value:.2f}" if metric == "harmfulness" else f"{100 * value:.1f} %"


def beside_the_scorer(change: PeopleChange, raw: Change) -> str:
    """On how many ratings the corrected change rests, and what the scorer alone says."""
    alone = (
        f"{difference_text(raw.difference, raw.metric)} ({interval_text(raw.interval, raw.metric)})"
    )
    return (
        f" (the scorer corrected by people's ratings on {change.rated} prompts; the scorer "
        f"alone: {alone})"
    )
