"""Harm by ethical principle."""

from __future__ import annotations

from eval.endpoint import HARMFUL_SUITE
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, rate_cell, score_cell
from eval.results.results import Results
from eval.results.suite_result import principles_of
from records.principles import PRINCIPLES


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    results = material.results
    suite = results.endpoint.suite
    tables = []
    # The headline instrument first; the run's reward model, which training listened to, below it.
    for metric in results.harm_metrics(suite, of_principles=True):
        if table := principles_table(results, metric, suite):
            tables.append(table)
    return Section(tables=tables) if tables else None


def principles_table(
    results: Results, metric: str = "harmfulness", suite: str = HARMFUL_SUITE
) -> Table | None:
    """One row a principle, one column a policy, by `harm_chance` or `harmfulness`; None where no
    prompt names a principle.
    """
    measured = [policy.suite(suite) for policy in results.policies.values()]
    numbers = principles_of(measured)
    if not numbers:
        return None
    head = ["AMA principle (in short)", *(policy.title for policy in results.policies.values())]
    to_cell, title = (
        (rate_cell, "Mean chance of harm, by scorers that no training touched.")
        if metric == "harm_chance"
        else (score_cell, "Mean harmfulness (1-5), by the run's own reward model.")
    )
    rows = []
    for number in numbers:
        cells = [Cell(PRINCIPLES[number].title if number in PRINCIPLES else str(number))]
        for found in measured:
            cells.append(to_cell(found.harm_of_principle(metric, number) if found else None))
        rows.append(cells)
    return Table(
        head,
        rows,
        f"{title} Where n is small the intervals are wide, and below about 30 not wide enough for "
        "a score of this kind: no difference seen is not the same as no difference.",
    )


SECTION = Declared("principles", 400, "Harm by ethical principle", build)
