"""Harmfulness by ethical principle."""

from __future__ import annotations

from typing import Any

from eval.endpoint import HARMFUL_SUITE
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, score_cell, suite_of, title_of
from records.principles import PRINCIPLES

Json = dict[str, Any]


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    table = principles_table(material.results)
    return Section(tables=[table]) if table else None


def principles_table(results: Json) -> Table | None:
    """One row a principle, one column a policy; None where no prompt names a principle."""
    groups = {}
    for name, policy in results["policies"].items():
        groups[name] = suite_of(policy, HARMFUL_SUITE).get("by_principle") or {}
    numbers = sorted({int(number) for by_principle in groups.values() for number in by_principle})
    if not numbers:
        return None
    head = ["AMA principle (in short)", *(title_of(results, name) for name in groups)]
    rows = []
    for number in numbers:
        rows.append(
            [
                Cell(PRINCIPLES[number].title if number in PRINCIPLES else str(number)),
                *(
                    score_cell(groups[name].get(str(number), {}).get("harmfulness"))
                    for name in groups
                ),
            ]
        )
    return Table(
        head,
        rows,
        "Mean harmfulness (1-5). Where n is small the intervals are wide, and below about 30 not "
        "wide enough for a score of this kind: no difference seen is not the same as no "
        "difference.",
    )


SECTION = Declared("principles", 400, "Harmfulness by ethical principle", build)
