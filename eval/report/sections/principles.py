"""Harmfulness by ethical principle."""

from __future__ import annotations

from eval.endpoint import HARMFUL_SUITE
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, score_cell
from eval.results.results import Results
from records.principles import PRINCIPLES


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    table = principles_table(material.results)
    return Section(tables=[table]) if table else None


def principles_table(results: Results) -> Table | None:
    """One row a principle, one column a policy; None where no prompt names a principle."""
    groups = {}
    for name, policy in results.policies.items():
        suite = policy.suite(HARMFUL_SUITE)
        groups[name] = suite.by_principle if suite else {}
    numbers = sorted({int(number) for by_principle in groups.values() for number in by_principle})
    if not numbers:
        return None
    head = ["AMA principle (in short)", *(results.title(name) for name in groups)]
    rows = []
    for number in numbers:
        cells = [Cell(PRINCIPLES[number].title if number in PRINCIPLES else str(number))]
        for name in groups:
            found = groups[name].get(str(number))
            cells.append(score_cell(found.harmfulness if found else None))
        rows.append(cells)
    return Table(
        head,
        rows,
        "Mean harmfulness (1-5). Where n is small the intervals are wide, and below about 30 not "
        "wide enough for a score of this kind: no difference seen is not the same as no "
        "difference.",
    )


SECTION = Declared("principles", 400, "Harmfulness by ethical principle", build)
