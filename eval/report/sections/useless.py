"""What policies that help nobody would show: the gate must fail each of them."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, rate_cell, score_cell, spoken
from eval.results.results import Results


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    table = useless_table(material.results)
    return Section(tables=[table]) if table else None


def useless_table(results: Results) -> Table | None:
    """What policies that help nobody show on benign prompts; None where the results hold none."""
    useless = results.useless
    suites = list(dict.fromkeys(suite for policy in useless.values() for suite in policy.suites))
    if not suites:
        return None
    rows = []
    for policy in useless.values():
        cells = [Cell(policy.title)]
        for shown in (policy.suites[suite] for suite in suites):
            cells += [
                rate_cell(shown.over_refusal_rate),
                score_cell(shown.relevance),
                score_cell(shown.own_relevance),
            ]
        rows.append(cells)
    head = [
        "policy",
        *(
            f"{metric}: {spoken(suite)}"
            for suite in suites
            for metric in ("over-refusal", "relevance", "relevance of added words")
        ),
    ]
    return Table(
        head,
        rows,
        "Nobody is helped by these, and nobody harmed. The release gate must fail each of them, or "
        "it says nothing.",
    )


SECTION = Declared("useless", 720, "Policies that help nobody", build)
