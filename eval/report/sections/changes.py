"""Each policy less the baseline, on the same prompts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eval.report import detectable
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    METRIC_NAMES,
    SCORES,
    Cell,
    Table,
    counted,
    difference_text,
    interval_text,
    p_text,
    spoken,
    title_of,
)

Json = dict[str, Any]


def build(material: Material) -> Section:
    """The section, which every report has."""
    results = material.results
    against_base = []
    for c in results["comparisons"]:
        if c["baseline"] == results["baseline"]:
            against_base.append(c)
    return Section(
        f"Paired changes against {results['baseline']}",
        tables=[changes_table(results, against_base)],
    )


def changes_table(results: Json, comparisons: Iterable[Json]) -> Table:
    """Paired changes, one a row, with the change that so many prompts can detect."""
    rows = []
    for c in comparisons:
        rows.append(
            [
                Cell(title_of(results, c["policy"]), f"against {title_of(results, c['baseline'])}"),
                Cell(spoken(c["suite"])),
                Cell(METRIC_NAMES.get(c["metric"], spoken(c["metric"]))),
                Cell(difference_text(c), counted(interval_text(c), c)),
                Cell(detectable.mde_text(c.get("mde"), rate=c["metric"] not in SCORES)),
                Cell(p_text(c.get("p_holm"))),
                Cell(c.get("test", "")),
            ]
        )
    head = ["policy", "suite", "metric", "change", "found in 80 %", "p", "test"]
    return Table(head, rows, detectable.NOTE)


SECTION = Declared("changes", 320, "Paired changes", build)
