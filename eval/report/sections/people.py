"""What people say of the completions that they rated, and the scorers' figures corrected by it."""

from __future__ import annotations

from typing import Any

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    METRIC_NAMES,
    SCORES,
    Cell,
    Table,
    rate_cell,
    score_cell,
    spoken,
    title_of,
)

Json = dict[str, Any]
NOTE = (
    "People rated completions that were drawn at random among those measured here. "
    "Prediction-powered: the scorer's figure, moved by how far it was from people on what they "
    "rated. Rogan-Gladen: the scorer's rate, unmixed by how often it is right when people say yes "
    "and no; it takes the error rates to be those of the rated completions of all policies. The "
    "verdict uses the prediction-powered figure."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    results = material.results
    found = results.get("people")
    if not found or not found["policies"]:
        return None
    raters, rated = found["raters"], found["rated"]
    about = f"{raters} {'person' if raters == 1 else 'people'} rated {rated} of the completions."
    rows = []
    for policy, suites in found["policies"].items():
        for suite, of in suites.items():
            for metric, ways in of.items():
                if metric != "n":
                    rows.append(_row(results, policy, suite, metric, ways))
    head = ["policy", "suite", "metric", "scorer alone", "prediction-powered", "Rogan-Gladen"]
    return Section(paragraphs=[about, NOTE], tables=[Table(head, rows)])


def _row(results: Json, policy: str, suite: str, metric: str, ways: Json) -> list[Cell]:
    cell = score_cell if metric in SCORES else rate_cell
    figures = []
    for way in ("raw", "prediction_powered", "rogan_gladen"):
        figures.append(cell(ways.get(way)))
    named = Cell(METRIC_NAMES.get(metric, spoken(metric)))
    return [Cell(title_of(results, policy)), Cell(spoken(suite)), named, *figures]


SECTION = Declared("people", 305, "Corrected by people's ratings", build)
