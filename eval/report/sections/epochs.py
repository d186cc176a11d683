"""Every epoch of every training, and why one was kept."""

from __future__ import annotations

from eval.report.epochs import epochs_table, selection_lines
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material


def build(material: Material) -> Section | None:
    if not material.scoreboard:
        return None
    return Section(paragraphs=selection_lines(material.results), tables=[epochs_table(material.scoreboard)])


SECTION = Declared("epochs", 650, "Every policy epoch", build)
