"""What was asked, what no scorer could score, and what the token limit cut off."""

from __future__ import annotations

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
)
from eval.results.results import Results


def build(material: Material) -> Section:
    """The section, which every report has."""
    return Section(tables=[counts_table(material.results)])


def counts_table(results: Results) -> Table:
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
    for name in (*results.suite_names("harmful"), *results.suite_names("benign")):
        for policy in results.policies.values():
            if suite := policy.suite(name):
                words = suite.mean_words
                rows.append(
                    [
                        Cell(spoken(name)),
                        Cell(policy.title),
                        Cell(str(suite.n)),
                        Cell(str(suite.without_score or 0)),
                        rate_cell(suite.truncated_rate),
                        partial_cell(results, suite.partial_refusal_rate),
                        Cell(ABSENT if words is None else f"{words:.0f}"),
                    ]
                )
    return Table(head, rows, PARTIAL_NOTE)


SECTION = Declared("counts", 710, "Unscored and cut off", build)
