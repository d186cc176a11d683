"""How policies decline: with a reason, with an alternative, or curtly."""

from __future__ import annotations

from eval.declines import MEASURES
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, rate_cell, spoken
from eval.results.declines import Declines

TITLES = {
    "reason": "names a reason",
    "alternative": "names an alternative",
    "both": "both",
    "curt": "neither (curt)",
}
NOTE = (
    "Of the full declines of harmful requests. A good decline says why and what would help "
    "instead, so curt refusal is not the optimum. By a rule on English words, which sees that "
    "there is a reason and not whether it is right. A completion that was cut may have lost its "
    "alternative."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    results = material.results
    rows = []
    for suite, found in results.declines.items():
        for policy, cell in found.policies.items():
            rows.append(
                [
                    Cell(f"{results.title(policy)}: {spoken(suite)}"),
                    Cell(f"{cell.declined} of {cell.n}"),
                    *_shares(cell),
                ]
            )
    head = ["policy", "declined", *(TITLES[name] for name in MEASURES), "cut by the limit"]
    return Section(tables=[Table(head, rows, NOTE)]) if rows else None


def _shares(cell: Declines) -> list[Cell]:
    return [rate_cell(getattr(cell, name)) for name in (*MEASURES, "cut")]


SECTION = Declared("declines", 450, "How policies decline", build)
