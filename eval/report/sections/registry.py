"""Every section of the report.

To add one is a file in this folder and its name here; its own `place` orders it.
"""

from __future__ import annotations

from importlib import import_module

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material

NAMES = (
    "capability",
    "changes",
    "choices",
    "conditions",
    "control",
    "counts",
    "declines",
    "distribution",
    "dual",
    "epochs",
    "examples",
    "gate",
    "gate_errors",
    "independent",
    "judges",
    "limits",
    "must_haves",
    "omission",
    "online",
    "over_refusal",
    "people",
    "plots",
    "principles",
    "provenance",
    "reading",
    "safety",
    "twin_gap",
    "tamper",
    "useless",
    "validity",
)
"""Files of this folder, each with a `SECTION`."""


def _declared() -> tuple[Declared, ...]:
    found: list[Declared] = []
    for name in NAMES:
        # Imported here, so that a name without its file fails at once and not within a report.
        found.append(import_module(f"eval.report.sections.{name}").SECTION)
    # Places have gaps, so that a new section needs no renumbering.
    return tuple(sorted(found, key=lambda section: section.place))


DECLARED = _declared()


def sections_of(material: Material) -> list[Section]:
    """All that these results have something for, in order."""
    built = [declared.of(material) for declared in DECLARED]
    return [section for section in built if section]
