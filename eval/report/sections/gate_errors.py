"""The report's section on the gate itself: how often it errs at this number of prompts."""

from __future__ import annotations

from eval.report.detectable import mde_text
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, spoken
from eval.results.error_rates import ErrorRates

NOTE = (
    "Shares of runs in which a line of the release gate passes, simulated from this evaluation's "
    "own counts and spreads. Since the end of the interval decides, a policy at the limit passes "
    "in about {at_limit:g} % of runs at any n; what n buys is that a good one passes. The last "
    "column is the n at which at most 5 % of good policies fail. Where prompts come in groups, "
    "below n stands how many independent ones they are worth."
)


def build(material: Material) -> Section | None:
    """None where the results hold no error rates, as those of earlier versions do."""
    rates = material.results.gate_error_rates
    if not rates:
        return None
    head = [
        "suite",
        "setting",
        "n",
        "good policy",
        "at the limit",
        "further over",
        "smallest difference found",
        "n for 5 %",
    ]
    rows = []
    for row in rates:
        rows.append([Cell(spoken(row.suite)), Cell(f"release.gate.{row.limit}"), *_cells(row)])
    # One of the interval's two tails, rounded as 1 - 0.95 is not 0.05.
    at_limit = round(100 * (1 - material.results.confidence) / 2, 3)
    return Section(tables=[Table(head, rows, NOTE.format(at_limit=at_limit))])


def _cells(row: ErrorRates) -> list[Cell]:
    over = ", ".join(f"{by}: {_percent(chance)}" for by, chance in row.over.items() if float(by))
    wanted = row.n_for_5_percent
    return [
        Cell(str(row.n), f"worth {row.independent}" if row.independent else ""),
        Cell(_percent(row.good_passes), row.good),
        Cell(_percent(row.over.get("0", 0.0))),
        Cell(over, row.unit),
        Cell(mde_text(row.mde, rate=row.unit == "points")),
        Cell(f"{wanted:,}" if wanted else "more than 100,000"),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


SECTION = Declared("gate-errors", 730, "How often the release gate errs", build)
