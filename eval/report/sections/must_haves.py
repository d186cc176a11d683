"""How much of what physicians want in a completion completions hold."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, rate_cell, spoken, tested_cells
from eval.results.change import changes_from
from eval.results.must_haves import SuiteMustHaves
from eval.results.results import Results


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    found = material.results.must_haves
    tables = [_table(material.results, suite, about) for suite, about in found.items()]
    # Suites of one kind share their note; it is printed once.
    notes = list(dict.fromkeys(suite.note for suite in found.values()))
    return Section(paragraphs=notes, tables=tables) if tables else None


def _table(results: Results, suite: str, about: SuiteMustHaves) -> Table:
    # Against the baseline alone; changes against controls would each need a column more.
    changes = changes_from(results.baseline, about.comparisons)
    rows = []
    for policy, cell in about.policies.items():
        rows.append(
            [Cell(results.title(policy)), rate_cell(cell), *tested_cells(changes.get(policy))]
        )
    return Table([f"policy ({spoken(suite)})", "statements held", "change, paired", "p"], rows)


SECTION = Declared("must-haves", 465, "What physicians want in an answer", build)
