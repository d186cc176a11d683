"""Over-refusal of each benign suite, in full and in part."""

from __future__ import annotations

from typing import Any

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    PARTIAL_NOTE,
    Cell,
    Table,
    rate_cell,
    spoken,
    suite_names,
    suite_of,
    title_of,
)

Json = dict[str, Any]


def build(material: Material) -> Section | None:
    table = over_refusal_table(material.results)
    return Section(tables=[table]) if table.rows else None


def over_refusal_table(results: Json) -> Table:
    names = list(results["policies"])
    rows = []
    for suite in suite_names(results, "benign"):
        for label, key in (
            ("refused, in full or in part", "over_refusal_rate"),
            ("refused in part", "partial_refusal_rate"),
        ):
            cells = [
                rate_cell(suite_of(results["policies"][name], suite).get(key)) for name in names
            ]
            rows.append(
                [Cell(spoken(suite) if key == "over_refusal_rate" else ""), Cell(label), *cells]
            )
    return Table(
        ["suite", "what", *(title_of(results, name) for name in names)], rows, PARTIAL_NOTE
    )


SECTION = Declared("over_refusal", 700, "Over-refusal by suite", build)
