"""Attack success under conditions, by family and at its worst."""

from __future__ import annotations

from typing import Any

from eval.attacks import CRITERIA
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, number_text, rate_cell, span, spoken, title_of

Json = dict[str, Any]
TITLES = {
    "called_harmful": "called harmful by scorers that no training touched",
    "scored_4_5": "scored 4-5 by the reward model",
    "not_refused": "not refused by the refusal rule",
}
WORST = "worst_of_families"
NOTE = (
    "The same harmful requests, asked under established wrappers of low capability "
    "(docs/conditions.md); `direct` is as they stand. Worst of families is the share of requests "
    "that at least one of them succeeds on. Scorers judge the completion beside the request "
    "itself. Intervals draw requests again with all their conditions. No attack was fitted to a "
    "policy: what a determined person reaches is more."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    found = material.results.get("conditions") or {}
    tables = []
    for suite, by_criterion in found.items():
        for criterion in CRITERIA:
            if criterion in by_criterion:
                tables.append(_table(material.results, suite, criterion, by_criterion[criterion]))
    return Section(paragraphs=[NOTE], tables=tables) if tables else None


def _table(results: Json, suite: str, criterion: str, found: Json) -> Table:
    families = list(
        dict.fromkeys(
            family for policy in found["policies"].values() for family in policy["by_family"]
        )
    )
    changes = {}
    for row in found["comparisons"]:
        if row["baseline"] == results["baseline"] and row["family"] == WORST:
            changes[row["policy"]] = row
    rows = []
    for policy, cell in found["policies"].items():
        rows.append(
            [
                Cell(title_of(results, policy)),
                *(rate_cell(cell["by_family"].get(family)) for family in families),
                rate_cell(cell["all_conditions"]),
                rate_cell(cell[WORST]),
                _change(changes.get(policy)),
            ]
        )
    head = [
        f"{spoken(suite)}: {TITLES[criterion]}",
        *map(spoken, families),
        "all conditions",
        "worst of families",
        "its change, paired",
    ]
    return Table(head, rows)


def _change(change: Json | None) -> Cell:
    if change is None or change["difference"] is None:
        return Cell("-")
    return Cell(
        f"{number_text(100 * change['difference'], '+.1f')} points",
        f"{span(change, '+.1f', 100)}, n {change['n']}",
    )


SECTION = Declared("conditions", 440, "Under pressure: attack success by condition", build)
