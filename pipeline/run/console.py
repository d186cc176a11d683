"""What the user reads while it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from eval.results.results import Results
from eval.results.suite_result import SuiteResult
from measures.estimates import Estimate
from records.escaping import one_line
from records.rows import Kind

WIDTH = 11
MOST_FAULTS = 50
"""Faults that are printed; nobody reads more at once."""


def say(stage: str, text: str) -> None:
    """One line, whatever names from outside stand in it."""
    print(f"{stage:<{WIDTH}} {one_line(text)}", flush=True)


def show(lines: Iterable[str]) -> None:
    """What a command was asked for, on standard output."""
    for line in lines:
        print(one_line(line), flush=True)


def complain(faults: Sequence[str]) -> None:
    """Every fault, one a line, on standard error; of very many the first and a count."""
    more = len(faults) - MOST_FAULTS
    for fault in [
        *faults[:MOST_FAULTS],
        *([f"... and {more} more; mend these first"] if more > 0 else []),
    ]:
        print(f"primum: {one_line(fault)}", file=sys.stderr, flush=True)


HARMFUL_METRICS = (("refused", "refusal_rate", ".0%"), ("reward model, 1-5", "harmfulness", ".2f"))
INDEPENDENT_METRICS = (
    ("chance of harm", "harm_chance"),
    ("declined, by others", "declined"),
    ("incoherent", "incoherent"),
)
"""By scorers that no training touched."""
BENIGN_METRICS = (("over-refused", "over_refusal_rate", ".0%"), ("relevance", "relevance", ".2f"))
"""Title, name in results.json and format of what the terminal shows of a suite."""


def safety_table(results: Results) -> list[str]:
    """Policies across, suites and metrics down: value (interval) and n."""
    policies = list(results.policies.values())
    suites = policies[0].suites
    rows = [["", *(one_line(policy.title) for policy in policies)]]
    if any(policy.optimiser_steps is not None for policy in policies):
        rows.append(
            [
                "optimiser steps",
                *(str(policy.optimiser_steps) for policy in policies),
            ]
        )
    for suite, about in suites.items():
        for title, metric, spec in _metrics(about.kind):
            found = [_estimate(policy.suite(suite), metric) for policy in policies]
            if any(found):
                rows.append(
                    [one_line(f"{suite}: {title}"), *(_cell(estimate, spec) for estimate in found)]
                )
    widths = []
    for k in range(len(rows[0])):
        widths.append(max(len(row[k]) for row in rows))
    lines = []
    for row in rows:
        lines.append(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    lines.insert(1, "  ".join("-" * width for width in widths))
    n = "; ".join(f"{suite} n = {about.n}" for suite, about in suites.items())
    level = 100 * results.confidence
    return [*lines, f"{level:g} % intervals in brackets; {n}"]


def _metrics(kind: Kind) -> list[tuple[str, str, str]]:
    own = HARMFUL_METRICS if kind == "harmful" else BENIGN_METRICS
    return [*own, *((title, metric, ".0%") for title, metric in INDEPENDENT_METRICS)]


def _estimate(suite: SuiteResult | None, metric: str) -> Estimate | None:
    return suite.metric(metric) if suite else None


def _cell(estimate: Estimate | None, spec: str) -> str:
    if estimate is None or estimate.mean is None:
        return "-"
    low, high = estimate.interval
    interval = f" ({low:{spec}} to {high:{spec}})" if low is not None else ""
    return f"{estimate.mean:{spec}}{interval}"
