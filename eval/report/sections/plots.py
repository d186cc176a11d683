"""The two figures that a reader wants first: what safety has cost, and where harm is left."""

from __future__ import annotations

from markupsafe import Markup

from eval.report.rendering import Plot, Section
from eval.report.sections.declared import Declared, Material


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    if not material.drawn:
        return None
    # matplotlib costs seconds.
    from eval.report.figures.principles import principles_plot  # noqa: PLC0415
    from eval.report.figures.tradeoff import tradeoff_plot  # noqa: PLC0415

    results = material.results
    level, suite = f"bars are {results.confidence:.0%} intervals", results.endpoint.suite
    measured = {
        "harm_chance": "Mean chance of harm, by scorers that no training touched,",
        "harmfulness": "Mean harmfulness, by the run's own reward model,",
    }
    headline = measured[(results.harm_metrics(suite, of_principles=True) or ["harmfulness"])[0]]
    circles = " Numbers in circles are epochs." if material.scoreboard else ""
    drawn = [
        (
            tradeoff_plot(material.scoreboard, results),
            (
                "Harm against its price, on the benign suite where each policy or epoch refuses "
                f"most: the best corner is bottom left; {level}.{circles}"
            ),
        ),
        (
            principles_plot(results, suite),
            f"{headline} by AMA principle, on test prompts; {level}.",
        ),
    ]
    plots = []
    for svg, caption in drawn:
        if svg:
            plots.append(Plot(Markup(svg), caption))
    return Section(plots=plots) if plots else None


SECTION = Declared("plots", 200, "Harm, its price, and where it is left", build)
