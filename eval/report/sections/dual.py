"""What a policy finds likely beside what it writes."""

from __future__ import annotations

from typing import Any

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, rate_cell, score_cell, spoken, title_of

Json = dict[str, Any]
NOTE = (
    "By log-probability: of each prompt, four openings that decline and four that agree, by their "
    "mean log-probability a token; a margin above 0 inclines to decline. It is relative, so "
    "compare policies, or harmful prompts with their twins. `results.json` lists the prompts on "
    "which the two modes disagree."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    found = material.results.get("dual") or {}
    cells = []
    for suite, by_policy in found.items():
        for policy, cell in by_policy.items():
            cells.append((suite, policy, cell))
    openings = []
    for suite, policy, cell in cells:
        if "by_choice" not in cell:
            openings.append(_opening(material.results, suite, policy, cell))
    labels = []
    for suite, policy, cell in cells:
        if "by_choice" in cell:
            labels.append(_label(material.results, suite, policy, cell["by_choice"]))
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


def _opening(results: Json, suite: str, policy: str, cell: Json) -> list[Cell]:
    return [
        Cell(f"{title_of(results, policy)}: {spoken(suite)}"),
        *(rate_cell(cell[name]) for name in ("inclines_to_decline", "declines", "disagree")),
        score_cell(cell["margin"]),
        score_cell(cell["rank_correlation"]),
    ]


def _label(results: Json, suite: str, policy: str, cell: Json) -> list[Cell]:
    shares = (rate_cell(cell["pair_consistency"]), rate_cell(cell["disagree"]))
    return [
        Cell(f"{title_of(results, policy)}: {spoken(suite)}"),
        rate_cell(cell["accuracy"]),
        score_cell(cell["macro_f1"]),
        *shares,
    ]


SECTION = Declared("dual", 480, "By log-probability and in writing", build)
