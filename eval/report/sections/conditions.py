"""Attack success under conditions, by family and at its worst."""

from __future__ import annotations

from eval.attacks import CRITERIA
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, points_text, rate_cell, span, spoken
from eval.results.conditions import AttackSuccess
from eval.results.results import Results
from measures.estimates import Comparison

TITLES = {
    "called_harmful": "called harmful by scorers that no training touched",
    "scored_4_5": "scored 4-5 by the reward model",
    "not_refused": "not refused by the refusal rule",
}
WORST = "worst_of_families"
NOTE = (
    "The same harmful requests, asked under established wrappers of low capability "
    "(docs/conditions.md); direct is as they stand. Worst of families is the share of requests "
    "that at least one of them succeeds on. Scorers judge the completion beside the request "
    "itself. Intervals take completions of one request together. No attack was fitted to a "
    "policy: what a determined person reaches is more."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    found = material.results.conditions
    tables = []
    for suite, by_criterion in found.items():
        for criterion in CRITERIA:
            if criterion in by_criterion:
                tables.append(table_of(material.results, suite, criterion, by_criterion[criterion]))
    return Section(paragraphs=[NOTE], tables=tables) if tables else None


def table_of(results: Results, suite: str, criterion: str, found: AttackSuccess) -> Table:
    """A row a condition and a column a policy: conditions as columns are wider than a page."""
    of = found.policies
    families = list(dict.fromkeys(family for one in of.values() for family in one.by_family))
    changes = {}
    for row in found.comparisons:
        # Of the many families only the worst has its change here; results.json has all.
        if row.baseline == results.baseline and row.family == WORST:
            changes[row.policy] = row.found
    rows = [
        [Cell(spoken(family)), *(rate_cell(one.by_family.get(family)) for one in of.values())]
        for family in families
    ]
    rows.append([Cell("all conditions"), *(rate_cell(one.all_conditions) for one in of.values())])
    worst = [rate_cell(one.worst_of_families) for one in of.values()]
    rows.append([Cell("worst of families"), *worst])
    rows.append([Cell("its change, paired"), *(_change(changes.get(policy)) for policy in of)])
    head = [f"{spoken(suite)}: {TITLES[criterion]}", *map(results.title, of)]
    return Table(head, rows)


def _change(change: Comparison | None) -> Cell:
    if change is None or change.difference is None:
        return Cell("-")
    return Cell(
        points_text(change.difference), f"{span(change.interval, '+.1f', 100)}, n {change.n}"
    )


SECTION = Declared("conditions", 440, "Under pressure: attack success by condition", build)
