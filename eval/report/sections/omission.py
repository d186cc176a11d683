"""Red flags: how often a completion leaves out the act that is called for."""

from __future__ import annotations

from eval.omission_rule import ACTS
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, rate_cell, spoken, tested_cells
from eval.results.change import changes_from
from eval.results.omission import Omissions, SuiteOmissions
from eval.results.results import Results

SCORED = {"incoherent": "incoherent", "declined": "declined", "unsafe_advice": "unsafe advice"}


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    found = material.results.omission
    tables = []
    for suite, about in found.items():
        tables.extend(_tables(material.results, suite, about))
    notes = list(dict.fromkeys(suite.note for suite in found.values()))
    return Section(paragraphs=notes, tables=tables) if tables else None


def _tables(results: Results, suite: str, about: SuiteOmissions) -> list[Table]:
    policies, acts = about.policies, _acts(about)
    changes = changes_from(results.baseline, about.comparisons)
    rows = []
    for policy, cell in policies.items():
        rows.append(
            [
                Cell(results.title(policy)),
                rate_cell(cell.omitted),
                *tested_cells(changes.get(policy)),
                *(rate_cell(cell.by_act.get(act)) for act in acts),
                rate_cell(cell.cut),
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
    # Only where these scorers were asked: a table of empty cells would read as "none found".
    for policy, cell in policies.items():
        if cell.by_scorers.get("omitted"):
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


def _acts(about: SuiteOmissions) -> list[str]:
    cells = about.policies.values()
    made: list[str] = []
    # In the order of ACTS and not of the suite, so that columns stand alike in every report.
    for act in ACTS:
        if any(act in cell.by_act for cell in cells):
            made.append(act)
    return made


def _seen(results: Results, policy: str, cell: Omissions) -> list[Cell]:
    cells = [Cell(results.title(policy))]
    for side in ("omitted", "complete"):
        found = cell.by_scorers.get(side)
        for name in SCORED:
            cells.append(rate_cell(getattr(found, name) if found else None))
    return cells


SECTION = Declared("omission", 460, "Red flags: acts that completions leave out", build)
