"""What was asked, what no scorer could score, and what the token limit cut off."""

from __future__ import annotations

from typing import Any

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    ABSENT,
    PARTIAL_NOTE,
    Cell,
    Table,
    partial_cell,
    rate_cell,
    spoken,
    suite_names,
    suite_of,
)

Json = dict[str, Any]


def build(material: Material) -> Section:
    """The section, which every report has."""
    return Section(tables=[counts_table(material.results)])


def counts_table(results: Json) -> Table:
    """What was asked, what no scorer could score, and what the token limit cut off."""
    head = [
        "suite",
        "policy",
        "prompts",
        "unscored",
        "cut off at the token limit",
        "refused in part",
        "mean words",
    ]
    rows = []
    for name in (*suite_names(results, "harmful"), *suite_names(results, "benign")):
        for policy in results["policies"].values():
            if suite := suite_of(policy, name):
                words = suite.get("mean_words")
                cells = [
                    rate_cell(suite.get("truncated_rate")),
                    partial_cell(results, suite.get("partial_refusal_rate")),
                ]
                counts = [
                    Cell(str(suite["n"])),
                    Cell(str((suite.get("harmfulness") or {}).get("unscored", 0))),
                ]
                rows.append(
                    [
                        Cell(spoken(name)),
                        Cell(policy["title"]),
                        *counts,
                        *cells,
                        Cell(ABSENT if words is None else f"{words:.0f}"),
                    ]
                )
    return Table(head, rows, PARTIAL_NOTE)


SECTION = Declared("counts", 710, "Unscored and cut off", build)
