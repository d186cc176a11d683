"""Every epoch of every training, and why one was kept."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from eval.report.epochs import epochs_table, selection_lines
from eval.report.rendering import Plot, Section
from eval.report.sections.declared import Declared, Material


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    if not material.scoreboard:
        return None
    return Section(
        paragraphs=selection_lines(material.results),
        plots=_plots(material),
        tables=[epochs_table(material.scoreboard)],
    )


def _plots(material: Material) -> Sequence[Plot]:
    if not material.drawn:
        return ()
    from eval.report.figures.epochs import epochs_plot  # noqa: PLC0415  matplotlib costs seconds

    caption = (
        "Harm and refusal after every policy epoch, on validation prompts, each benign suite "
        f"apart; bars are {material.results.confidence:.0%} intervals; shaded: the epoch that "
        "was kept."
    )
    svg = epochs_plot(material.scoreboard)
    return [Plot(Markup(svg), caption)] if svg else ()


SECTION = Declared("epochs", 650, "Every policy epoch", build)
