"""Of an online training: both scorers, the KL to the reference and the multipliers at every row
(eval/over_optimisation.py).
"""

from __future__ import annotations

from eval.over_optimisation import parting
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, number_text, rate_cell, score_cell, spoken
from eval.results.scoreboard_row import ScoreboardRow

NOTE = (
    "KL: by the k3 estimator, in nats a completion, of the step before the row. The independent "
    "scorer is one that no reward sees. Where the training scorer improves and the independent one "
    "worsens beyond its interval, training ends."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    # Only an online training draws its own completions and so states a KL for its rows.
    rows = [row for row in material.scoreboard if row.kl is not None]
    if not rows:
        return None
    found = parting(rows)
    said = (
        f"In {rows[0].stage}, {found}."
        if found
        else f"In {rows[0].stage}, the two scorers have not parted."
    )
    suites = sorted(rows[0].multipliers or {})
    head = [
        "step",
        "KL",
        "mean harmfulness (training scorer)",
        "called harmful (independent)",
        "mean chance of harm (independent)",
        "tokens",
        "distinct pairs of words",
        *(f"multiplier: {spoken(suite)}" for suite in suites),
    ]
    return Section(
        paragraphs=[said], tables=[Table(head, [_cells(row, suites) for row in rows], NOTE)]
    )


def _cells(row: ScoreboardRow, suites: list[str]) -> list[Cell]:
    weights = row.multipliers or {}
    return [
        Cell(str(row.step)),
        _number(row.kl, ".2f"),
        score_cell(row.harmfulness),
        rate_cell(row.independent_harm),
        rate_cell(row.independent_chance),
        _number(row.mean_tokens, ".0f"),
        _number(row.distinct_2, ".2f"),
        *(Cell(number_text(weights[suite], ".2f") if suite in weights else "") for suite in suites),
    ]


def _number(value: float | None, form: str) -> Cell:
    return Cell("" if value is None else number_text(value, form))


SECTION = Declared("online", 660, "Online training: two scorers", build)
