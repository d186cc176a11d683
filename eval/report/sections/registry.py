"""Every section of the report. To add one is a file in this folder and its name here, twice; its own `place` orders it."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections import (
    changes,
    control,
    counts,
    epochs,
    examples,
    independent,
    limits,
    over_refusal,
    plots,
    principles,
    provenance,
    reading,
    safety,
    useless,
    validity,
)
from eval.report.sections.declared import Declared, Material

MODULES = (
    changes,
    control,
    counts,
    epochs,
    examples,
    independent,
    limits,
    over_refusal,
    plots,
    principles,
    provenance,
    reading,
    safety,
    useless,
    validity,
)
DECLARED: tuple[Declared, ...] = tuple(sorted((module.SECTION for module in MODULES), key=lambda section: section.place))


def sections_of(material: Material, *, page: bool) -> list[Section]:
    """All that these results have something for, in order; on a page with figures and completions."""
    built = [declared.of(material) for declared in DECLARED if page or not declared.page_only]
    return [section for section in built if section]
