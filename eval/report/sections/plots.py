"""The two figures that a reader wants first: what safety has cost, and where harm is left."""

from __future__ import annotations

from markupsafe import Markup

from eval.report.rendering import Plot, Section
from eval.report.sections.declared import Declared, Material


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    # Markdown and terminal cannot show the figures, and drawing them takes seconds.
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
    # The caption must name the instrument that the plot falls back on, or the reward model's own
    # figure would pass for independent evidence.
    headline = measured[(results.harm_metrics(suite, of_principles=True) or ["harmfulness"])[0]]
    # Without a scoreboard (`primum measure`) no epoch is drawn.
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
            # matplotlib's own SVG, whose texts it has escaped; escaped again it would show as
            # source.
            plots.append(Plot(Markup(svg), caption))
    return Section(plots=plots) if plots else None


SECTION = Declared("plots", 200, "Harm, its price, and where it is left", build)
