"""A policy beside a control that was trained for as many steps."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.changes import changes_table
from eval.report.sections.declared import Declared, Material
from eval.report.sections.safety import harm_cells, over_refusal_cells, safety_heads
from eval.report.tables import ABSENT, Cell, Table
from eval.results.results import Results

NOTE = (
    "The control is SFT that goes on for as many optimiser steps as DPO took; rates and rows "
    "differ too, so what DPO does beyond it is an observation of one run, not an effect of "
    "preferences alone."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    results = material.results
    control = control_table(results)
    if not control:
        return None
    beyond_base = []
    for c in results.comparisons:
        if c.baseline != results.baseline:
            beyond_base.append(c)
    return Section(
        paragraphs=[NOTE],
        tables=[control, *([changes_table(results, beyond_base)] if beyond_base else [])],
    )


def control_table(results: Results) -> Table | None:
    """A policy beside its control, which was trained for as many optimiser steps, and what both
    began with; None without a control.
    """
    controls = {}
    for name, policy in results.policies.items():
        if policy.control_of:
            controls[name] = policy.control_of
    if not controls:
        return None
    wanted = {
        # Both and what they began with, as the lead is what lies between them.
        *controls,
        *controls.values(),
        *(results.policies[name].starts_from for name in controls),
    }
    benign = results.suite_names("benign")
    rows = []
    for name, policy in results.policies.items():
        if name in wanted:
            steps = policy.optimiser_steps
            rows.append(
                [
                    Cell(policy.title),
                    Cell(ABSENT if steps is None else str(steps)),
                    *harm_cells(policy),
                    *over_refusal_cells(policy, benign),
                ]
            )
    return Table(["policy", "optimiser steps", *safety_heads(benign)], rows)


SECTION = Declared("control", 600, "DPO or only more training? SFT at equal optimiser steps", build)
