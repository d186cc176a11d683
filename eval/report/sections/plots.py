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

    level = f"bars are {material.results.confidence:.0%} intervals"
    drawn = [
        (
            tradeoff_plot(material.scoreboard, material.results),
            (
                "Harm against its price, on the benign suite where each policy or epoch refuses "
                f"most: the best corner is bottom left; {level}. Numbers in circles are epochs."
            ),
        ),
        (
            principles_plot(material.results),
            f"Mean harmfulness by AMA principle, on test prompts; {level}.",
        ),
    ]
    plots = []
    for svg, caption in drawn:
        if svg:
            plots.append(Plot(Markup(svg), caption))
    return Section(plots=plots) if plots else None


SECTION = Declared("plots", 200, "Harm, its price, and where it is left", build)
