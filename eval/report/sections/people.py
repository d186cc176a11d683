"""What people say of the completions that they rated, and the scorers' figures corrected by it."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import METRIC_NAMES, SCORES, Cell, Table, rate_cell, score_cell, spoken
from eval.results.people import CorrectedRate, CorrectedScore, People
from eval.results.results import Results

NOTE = (
    "People rated completions that were drawn at random among those measured here. "
    "Prediction-powered: the scorer's figure, moved by how far it was from people on what they "
    "rated. Rogan-Gladen: the scorer's rate, unmixed by how often it is right when people say yes "
    "and no; it takes the error rates to be those of the rated completions of all policies. The "
    "verdict uses the prediction-powered figure."
)


READ_NOTE = (
    "Where the scorers that no training touched abstain, people's word stands in their place (3 or "
    "more is harm). What nobody has read counts as harmless in the lower figure and as harmful in "
    "the upper one."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    results = material.results
    found = results.people
    # Either may be empty: few ratings correct nothing, and nobody need have read abstentions.
    if not found or not (found.policies or found.abstentions):
        return None
    raters, rated = found.raters, found.rated
    about = f"{raters} {'person' if raters == 1 else 'people'} rated {rated} of the completions."
    # Two tables: the first moves a scorer's figure by people's word, the second only narrows
    # bounds.
    tables = [_corrected(results, found)] if found.policies else []
    if found.abstentions:
        tables.append(_after_reading(results, found))
    return Section(paragraphs=[about, NOTE], tables=tables)


def _corrected(results: Results, found: People) -> Table:
    rows = []
    for policy, suites in found.policies.items():
        for suite, of in suites.items():
            for metric, ways in of.figures().items():
                rows.append(_row(results, policy, suite, metric, ways))
    head = ["policy", "suite", "metric", "scorer alone", "prediction-powered", "Rogan-Gladen"]
    return Table(head, rows)


def _after_reading(results: Results, found: People) -> Table:
    """The bounds of the share called harmful, once people have read abstentions."""
    rows = []
    for policy, suites in found.abstentions.items():
        for suite, one in suites.items():
            bounds = (one.called_harmful_at_least, one.called_harmful_at_most, one.abstained)
            name, read = Cell(results.title(policy)), Cell(str(one.read))
            rows.append([name, Cell(spoken(suite)), read, *map(rate_cell, bounds)])
    head = ["policy", "suite", "abstentions read", "harmful at least", "harmful at most", "unread"]
    return Table(head, rows, READ_NOTE)


def _row(
    results: Results, policy: str, suite: str, metric: str, ways: CorrectedScore | CorrectedRate
) -> list[Cell]:
    cell = score_cell if metric in SCORES else rate_cell
    # Rogan and Gladen's correction (1978) is of a rate; a mean of scores has no error rates to
    # unmix.
    unmixed = ways.rogan_gladen if isinstance(ways, CorrectedRate) else None
    return [
        Cell(results.title(policy)),
        Cell(spoken(suite)),
        Cell(METRIC_NAMES.get(metric, spoken(metric))),
        *map(cell, (ways.raw, ways.prediction_powered, unmixed)),
    ]


SECTION = Declared("people", 305, "Corrected by people's ratings", build)
