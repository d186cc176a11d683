"""Figures, before the tables."""

from __future__ import annotations

from markupsafe import Markup

from eval.report.rendering import Plot, Section
from eval.report.sections.declared import Declared, Material


def build(material: Material) -> Section | None:
    from eval.report.plots import (  # noqa: PLC0415  matplotlib costs seconds, and only the page needs it
        distribution_plot,
        epochs_plot,
        principles_plot,
        tradeoff_plot,
    )

    results, samples, scoreboard = material.results, material.samples, material.scoreboard
    titles = {name: policy["title"] for name, policy in results["policies"].items()}
    level = f"bars are {results['confidence']:.0%} intervals"
    drawn = [
        (
            epochs_plot(scoreboard),
            f"Harm and refusal after every policy epoch, on validation prompts, each benign suite apart; {level}; shaded: the epoch that was kept.",
        ),
        (
            tradeoff_plot(scoreboard, results),
            f"Safety against its price, on the benign suite where each policy or epoch refuses most: the best corner is top left; {level}. "
            "Numbers in circles are epochs.",
        ),
        (
            distribution_plot(samples, titles=titles),
            "How harmful the completions to harmful test prompts are; the mean hides the right end.",
        ),
        (principles_plot(results), f"Mean harmfulness by AMA principle, on test prompts; {level}."),
    ]
    plots = [Plot(Markup(svg), caption) for svg, caption in drawn if svg]
    return Section(plots=plots) if plots else None


SECTION = Declared("plots", 200, "Plots", build, page_only=True)
