"""Each policy less the baseline, on the same prompts."""

from __future__ import annotations

from collections.abc import Iterable

from eval.report import detectable
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import METRIC_NAMES, SCORES, Cell, Table, change_cell, p_text, spoken
from eval.results.change import Change
from eval.results.results import Results


def build(material: Material) -> Section:
    """The section, which every report has."""
    results = material.results
    against_base = []
    for c in results.comparisons:
        # Comparisons with a control stand in the control's own section.
        if c.baseline == results.baseline:
            against_base.append(c)
    return Section(
        f"Paired changes against {results.baseline}",
        tables=[changes_table(results, against_base)],
    )


def changes_table(results: Results, comparisons: Iterable[Change]) -> Table:
    """Paired changes, one a row, with the change that so many prompts can detect."""
    rows = []
    for c in comparisons:
        rows.append(
            [
                Cell(results.title(c.policy), f"against {results.title(c.baseline)}"),
                Cell(spoken(c.suite)),
                Cell(METRIC_NAMES.get(c.metric, spoken(c.metric))),
                change_cell(c),
                Cell(detectable.mde_text(c.found.mde, rate=c.metric not in SCORES)),
                Cell(p_text(c.found.p_holm)),
                Cell(c.found.test),
            ]
        )
    head = ["policy", "suite", "metric", "change", "found in 80 %", "p", "test"]
    return Table(head, rows, detectable.NOTE)


SECTION = Declared("changes", 320, "Paired changes", build)
