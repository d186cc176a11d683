"""How much of what physicians want in a completion completions hold."""

from __future__ import annotations

from typing import Any

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    ABSENT,
    Cell,
    Table,
    number_text,
    p_text,
    rate_cell,
    span,
    spoken,
    title_of,
)

Json = dict[str, Any]


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    found = material.results.get("must_haves") or {}
    tables = [_table(material.results, suite) for suite in found]
    notes = list(dict.fromkeys(suite["note"] for suite in found.values()))
    return Section(paragraphs=notes, tables=tables) if tables else None


def _table(results: Json, suite: str) -> Table:
    about = results["must_haves"][suite]
    changes = {}
    for row in about["comparisons"]:
        if row["baseline"] == results["baseline"]:
            changes[row["policy"]] = row
    rows = []
    for policy, cell in about["policies"].items():
        rows.append(
            [Cell(title_of(results, policy)), rate_cell(cell), *_change(changes.get(policy))]
        )
    return Table([f"policy ({spoken(suite)})", "statements held", "change, paired", "p"], rows)


def _change(change: Json | None) -> list[Cell]:
    if change is None:
        return [Cell("-"), Cell("-")]
    if change["difference"] is None:
        return [Cell(ABSENT), Cell("-")]
    points = f"{number_text(100 * change['difference'], '+.1f')} points"
    return [
        Cell(points, f"{span(change, '+.1f', 100)}, n {change['n']}"),
        Cell(p_text(change["p_value"])),
    ]


SECTION = Declared("must-haves", 465, "What physicians want in an answer", build)
