"""What people say of the completions that they rated, and the scorers' figures corrected by it."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import METRIC_NAMES, SCORES, Cell, Table, rate_cell, score_cell, spoken
from eval.results.people import CorrectedRate, CorrectedScore
from eval.results.results import Results

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
    found = results.people
    if not found or not found.policies:
        return None
    raters, rated = found.raters, found.rated
    about = f"{raters} {'person' if raters == 1 else 'people'} rated {rated} of the completions."
    rows = []
    for policy, suites in found.policies.items():
        for suite, of in suites.items():
            for metric, ways in of.figures().items():
                rows.append(_row(results, policy, suite, metric, ways))
    head = ["policy", "suite", "metric", "scorer alone", "prediction-powered", "Rogan-Gladen"]
    return Section(paragraphs=[about, NOTE], tables=[Table(head, rows)])


def _row(
    results: Results, policy: str, suite: str, metric: str, ways: CorrectedScore | CorrectedRate
) -> list[Cell]:
    cell = score_cell if metric in SCORES else rate_cell
    unmixed = ways.rogan_gladen if isinstance(ways, CorrectedRate) else None
    return [
        Cell(results.title(policy)),
        Cell(spoken(suite)),
        Cell(METRIC_NAMES.get(metric, spoken(metric))),
        *map(cell, (ways.raw, ways.prediction_powered, unmixed)),
    ]


SECTION = Declared("people", 305, "Corrected by people's ratings", build)
