"""Red flags: how often a completion leaves out the act that is called for."""

from __future__ import annotations

from typing import Any

from eval.omission_rule import ACTS
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
SCORED = {"incoherent": "incoherent", "declined": "declined", "unsafe_advice": "unsafe advice"}


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    found = material.results.get("omission") or {}
    tables = []
    for suite in found:
        tables.extend(_tables(material.results, suite))
    notes = list(dict.fromkeys(suite["note"] for suite in found.values()))
    return Section(paragraphs=notes, tables=tables) if tables else None


def _tables(results: Json, suite: str) -> list[Table]:
    policies, acts = results["omission"][suite]["policies"], _acts(results, suite)
    changes = {}
    for row in results["omission"][suite]["comparisons"]:
        if row["baseline"] == results["baseline"]:
            changes[row["policy"]] = row
    rows = []
    for policy, cell in policies.items():
        rows.append(
            [
                Cell(title_of(results, policy)),
                rate_cell(cell["omitted"]),
                *_change(changes.get(policy)),
                *(rate_cell(cell["by_act"].get(act)) for act in acts),
                rate_cell(cell["cut"]),
            ]
        )
    head = [
        f"policy ({spoken(suite)})",
        "act left out",
        "change, paired",
        "p",
        *(f"left out: {ACTS[act].title}" for act in acts),
    ]
    shown = [Table([*head, "of those left out, cut by the limit"], rows)]
    by_others = []
    for policy, cell in policies.items():
        if (cell["by_scorers"] or {}).get("omitted"):
            by_others.append(_seen(results, policy, cell))
    columns = []
    for side in ("act left out", "act named"):
        for name in SCORED.values():
            columns.append(f"{name}, {side}")
    return (
        [
            *shown,
            Table(
                ["policy", *columns],
                by_others,
                "The same completions by scorers that no training touched.",
            ),
        ]
        if by_others
        else shown
    )


def _acts(results: Json, suite: str) -> list[str]:
    cells = results["omission"][suite]["policies"].values()
    made: list[str] = []
    for act in ACTS:
        if any(act in cell["by_act"] for cell in cells):
            made.append(act)
    return made


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


def _seen(results: Json, policy: str, cell: Json) -> list[Cell]:
    sides = [cell["by_scorers"].get(side) or {} for side in ("omitted", "complete")]
    return [
        Cell(title_of(results, policy)),
        *(rate_cell(side.get(name)) for side in sides for name in SCORED),
    ]


SECTION = Declared("omission", 460, "Red flags: acts that completions leave out", build)
