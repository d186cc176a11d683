"""What a policy finds likely beside what it writes."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, rate_cell, score_cell, spoken
from eval.results.dual import DualOfLabels, DualOfOpenings, LikelierLabel
from eval.results.results import Results

NOTE = (
    "By log-probability: of each prompt, four openings that decline and four that agree, by their "
    "mean log-probability a token; a margin above 0 inclines to decline. It is relative, so "
    "compare policies, or harmful prompts with their twins. `results.json` lists the prompts on "
    "which the two modes disagree."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    openings, labels = [], []
    for suite, by_policy in material.results.dual.items():
        for policy, cell in by_policy.items():
            # Suites with labels and suites without have other columns.
            if isinstance(cell, DualOfLabels):
                labels.append(_label(material.results, suite, policy, cell.by_choice))
            else:
                openings.append(_opening(material.results, suite, policy, cell))
    head = [
        "policy",
        "inclines to decline",
        "declines in writing",
        "disagree",
        "margin",
        "rank correlation",
    ]
    by_label = [
        "policy",
        "accuracy of the likelier label",
        "macro-F1",
        "pair consistency",
        "disagrees with the written label",
    ]
    tables = []
    for columns, rows in ((head, openings), (by_label, labels)):
        if rows:
            tables.append(Table(columns, rows))
    return Section(paragraphs=[NOTE], tables=tables) if tables else None


def _opening(results: Results, suite: str, policy: str, cell: DualOfOpenings) -> list[Cell]:
    return [
        Cell(f"{results.title(policy)}: {spoken(suite)}"),
        *map(rate_cell, (cell.inclines_to_decline, cell.declines, cell.disagree)),
        score_cell(cell.margin),
        score_cell(cell.rank_correlation),
    ]


def _label(results: Results, suite: str, policy: str, cell: LikelierLabel) -> list[Cell]:
    return [
        Cell(f"{results.title(policy)}: {spoken(suite)}"),
        rate_cell(cell.judged.accuracy),
        score_cell(cell.judged.macro_f1),
        rate_cell(cell.judged.pair_consistency),
        rate_cell(cell.disagree),
    ]


SECTION = Declared("dual", 480, "By log-probability and in writing", build)
