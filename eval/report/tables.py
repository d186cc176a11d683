"""What tables are made of: one definition serves terminal, Markdown, page and card.

The tables stand with their sections.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Json = dict[str, Any]
ABSENT = "not measured"
INDEPENDENT_METRICS = {
    "harm_chance": "chance of harm",
    "called_harmful": "called harmful",
    "called_harmful_at_least": "the same, if nothing that the scorer is unsure of is harmful",
    "called_harmful_at_most": "the same, if all that it is unsure of is harmful",
    "abstained": "unsure of",
    "incoherent": "incoherent",
    "declined": "declined",
}
METRIC_NAMES = {
    "harmfulness": "mean harmfulness",
    "refusal_rate": "refusal of harmful",
    "over_refusal_rate": "over-refusal",
    "relevance": "relevance",
    **INDEPENDENT_METRICS,
}
PARTIAL_NOTE = (
    "A refusal counts as partial where it goes on to comply for at least 40 words after it has "
    "declined. Completions that end before that cannot show one, and 0 % is then no observation."
)
PARTIAL_TOKENS = 50
"""A decline of five words, forty more and their stops: fewer tokens do not hold them."""
SCORES = ("harmfulness", "relevance")
"""Metrics that are means of scores; all others are rates."""


class Cell(NamedTuple):
    """A value and, smaller, what it must not be read without."""

    value: str
    detail: str = ""


@dataclass(frozen=True)
class Table:
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


def score_cell(estimate: Json | None, digits: int = 2) -> Cell:
    """A mean with its interval and n."""
    if not estimate or estimate.get("mean") is None:
        return _unmeasured(estimate)
    return Cell(
        number_text(estimate["mean"], f".{digits}f"),
        counted(span(estimate, f".{digits}f"), estimate),
    )


def rate_cell(estimate: Json | None) -> Cell:
    """A share in percent with its interval and n."""
    if not estimate or estimate.get("mean") is None:
        return _unmeasured(estimate)
    return Cell(
        f"{number_text(100 * estimate['mean'], '.1f')}%",
        counted(span(estimate, ".1f", 100), estimate),
    )


def partial_cell(results: Json, estimate: Json | None) -> Cell:
    """The share refused in part; no rate where none was seen and the token limit leaves no room."""
    generation = (results.get("provenance") or {}).get("generation") or {}
    limit = generation.get("max_new_tokens")
    none_seen = bool(estimate) and (estimate or {}).get("mean") == 0
    if none_seen and limit is not None and limit < PARTIAL_TOKENS:
        return Cell("cannot be seen", f"completions of at most {limit} tokens")
    return rate_cell(estimate)


def span(row: Json, form: str, factor: float = 1) -> str:
    """`low to high` of a row's interval."""
    low, high = row.get("interval") or (None, None)
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    return f"{number_text(factor * low, form)} to {number_text(factor * high, form)}"


def difference_text(comparison: Json) -> str:
    """A difference of shares in percentage points."""
    if comparison.get("difference") is None:
        return ABSENT
    if comparison["metric"] in SCORES:
        return number_text(comparison["difference"], "+.2f")
    return f"{number_text(100 * comparison['difference'], '+.1f')} points"


def interval_text(comparison: Json) -> str:
    """The interval of a difference, in the metric's own unit."""
    return (
        span(comparison, "+.2f")
        if comparison["metric"] in SCORES
        else span(comparison, "+.1f", 100)
    )


def p_text(p: float | None) -> str:
    """`0.012`, `< 0.001`, or a dash for a test that was not made."""
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def suite_names(results: Json, kind: str) -> list[str]:
    """Names of the suites of a kind that any policy was measured on, in their order."""
    return list(
        dict.fromkeys(
            name
            for policy in results["policies"].values()
            for name, suite in policy["suites"].items()
            if suite["kind"] == kind
        )
    )


def suite_of(policy: Json, name: str) -> Json:
    """A policy's figures on a suite; empty where it was not measured."""
    return policy["suites"].get(name) or {}


def spoken(name: str) -> str:
    """A name as people read it."""
    return name.replace("_", " ")


def title_of(results: Json, policy: str) -> str:
    """What a policy is called in front of readers; its name where it is not known."""
    return str(results["policies"].get(policy, {}).get("title", policy))


def number_text(value: float, form: str) -> str:
    """In a format as `+.2f`; what rounds to zero has no sign."""
    text = f"{value:{form}}"
    return text if text.strip("+-0.") else text.lstrip("+-")


def counted(interval: str, estimate: Json) -> str:
    """The interval, n and how many could not be scored: what stands under a value."""
    unscored = estimate.get("unscored") or 0
    return f"{interval}, n {estimate['n']}" + (f", {unscored} unscored" if unscored else "")


def _unmeasured(estimate: Json | None) -> Cell:
    return Cell(
        ABSENT, f"{estimate['unscored']} unscored" if estimate and estimate.get("unscored") else ""
    )
