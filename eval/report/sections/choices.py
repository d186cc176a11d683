"""Suites whose completions choose a label: a judgement of ethics beside what policies do."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, rate_cell, score_cell, spoken

NOTE = (
    "Which of two labels a policy writes. A completion without a label is wrong, and its share "
    "stands beside. Pair consistency is the share of counterfactual pairs with both sides right: "
    "25 % by chance, 0 for a policy that always writes one label. It does not measure harm."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    results = material.results
    rows = []
    for suite, found in results.choices.items():
        for policy, cell in found.items():
            rows.append(
                [
                    Cell(f"{results.title(policy)}: {spoken(suite)}"),
                    rate_cell(cell.judged.accuracy),
                    score_cell(cell.judged.macro_f1),
                    rate_cell(cell.judged.pair_consistency),
                    rate_cell(cell.unparsed),
                ]
            )
    head = ["policy", "accuracy", "macro-F1", "pair consistency", "no label"]
    return Section(tables=[Table(head, rows, NOTE)]) if rows else None


SECTION = Declared("choices", 470, "Judgements that completions choose", build)
