"""What these numbers do not show."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.test_ledger import sentence

LIMITS = (
    "Harmfulness comes from a trained reward model, whose own errors are shown above; no clinician has read these completions.",
    "One training run, one seed, one decoding; another seed moves these numbers, and the intervals do not hold that.",
    "Prompts are direct requests in one turn. Adversarial wrapping, long dialogues and other languages are not measured.",
    "A lower number is less measured harm on these suites. It does not make a policy fit for clinical use.",
)


def build(material: Material) -> Section:
    return Section(bullets=[sentence(material.results.get("test_set")), *LIMITS])


SECTION = Declared("limits", 920, "Limits", build)
