"""How harmful single completions are: the mean hides its tail."""

from __future__ import annotations

from markupsafe import Markup

from eval.report.rendering import Plot, Section
from eval.report.sections.declared import Declared, Material

CAPTION = (
    "Harmfulness of the completions to harmful test prompts by the reward model; the mean hides "
    "the right end. Unless the model learned from levels, values between 1 and 5 are its doubt and "
    "no degrees of harm."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    if not material.drawn:
        return None
    # matplotlib costs seconds.
    from eval.report.figures.distribution import distribution_plot  # noqa: PLC0415

    titles = {}
    for name, policy in material.results.policies.items():
        titles[name] = policy.title
    svg = distribution_plot(material.samples, titles=titles)
    return Section(plots=[Plot(Markup(svg), CAPTION)]) if svg else None


SECTION = Declared("distribution", 410, "Distribution of harmfulness", build)
