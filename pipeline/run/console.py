"""What the user reads while it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from records.escaping import one_line

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


def safety_table(results: dict[str, Any]) -> list[str]:
    """Policies across, suites and metrics down: value (interval) and n."""
    policies = list(results["policies"])
    suites = list(results["policies"][policies[0]]["suites"])
    rows = [["", *(one_line(results["policies"][name]["title"]) for name in policies)]]
    if any("optimiser_steps" in results["policies"][name] for name in policies):
        rows.append(
            [
                "optimiser steps",
                *(str(results["policies"][name]["optimiser_steps"]) for name in policies),
            ]
        )
    for suite in suites:
        kind = results["policies"][policies[0]]["suites"][suite]["kind"]
        metrics = HARMFUL_METRICS if kind == "harmful" else BENIGN_METRICS
        for title, metric, spec in metrics:
            found = []
            for name in policies:
                found.append(results["policies"][name]["suites"][suite][metric])
            if any(found):
                rows.append(
                    [one_line(f"{suite}: {title}"), *(_cell(estimate, spec) for estimate in found)]
                )
        for title, metric in INDEPENDENT_METRICS:
            by_others = []
            for name in policies:
                by_others.append(
                    (results["policies"][name]["suites"][suite].get("independent") or {}).get(
                        metric
                    )
                )
            if any(by_others):
                rows.append(
                    [
                        one_line(f"{suite}: {title}"),
                        *(_cell(estimate, ".0%") for estimate in by_others),
                    ]
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
    n = "; ".join(
        f"{suite} n = {results['policies'][policies[0]]['suites'][suite]['n']}" for suite in suites
    )
    level = 100 * results["confidence"]
    return [*lines, f"{level:g} % intervals in brackets; {n}"]


def _cell(estimate: dict[str, Any] | None, spec: str) -> str:
    if estimate is None or estimate["mean"] is None:
        return "-"
    low, high = estimate["interval"]
    interval = f" ({low:{spec}} to {high:{spec}})" if low is not None else ""
    return f"{estimate['mean']:{spec}}{interval}"
