"""What is left of the released policy's safety once somebody has changed its weights."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.sections.safety import harm_cells, over_refusal_cells, safety_heads
from eval.report.tables import Cell, Table
from eval.results.policy_result import PolicyResult
from eval.results.tamper import TamperedResult

NOTE = (
    "Who has the weights can change them: by a few steps of fine-tuning on harmless questions, or "
    "by taking the direction along which it refuses out of its hidden states. Both were done in "
    "memory, and the same scorers were asked again; a policy that gives way is no less safe for "
    "those who use it as it is."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    results = material.results
    found = results.tamper
    if not found:
        return None
    name = found.policy
    title = results.title(name)
    benign = results.suite_names("benign")
    as_it_is = results.policies.get(name)
    # First, on all its prompts: harm after an attack says nothing without harm before it.
    rows = [_row(f"{title}, as it is", as_it_is, benign)] if as_it_is else []
    for attack in found.attacks.values():
        rows.append(_row(f"{title}, {attack.title}", attack, benign))
    # Differences of these rows are not paired, and the reader must know that n differs.
    note = (
        "Tampered policies are measured on fewer prompts of each suite "
        "(eval.tamper.prompts_per_suite)."
    )
    return Section(paragraphs=[NOTE], tables=[Table(["policy", *safety_heads(benign)], rows, note)])


def _row(title: str, measured: PolicyResult | TamperedResult, benign: list[str]) -> list[Cell]:
    return [Cell(title), *harm_cells(measured), *over_refusal_cells(measured, benign)]


SECTION = Declared("tamper", 550, "After tampering with the weights", build)
