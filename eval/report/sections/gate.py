"""The release gate, line by line, where it was asked."""

from __future__ import annotations

from collections.abc import Sequence

from eval.gate_result import GateResult
from eval.report.rendering import GateLine, Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table

NAME = "gate"
NOTE = (
    "Limits hold for the ends of intervals. primum release asks again, with the limits that the "
    "configuration then has."
)
FIRST = ("failed", "accepted", "not measured", "passed")


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    return Section(tables=[gate_table(material.gates)]) if material.gates else None


def gate_table(gates: Sequence[GateResult]) -> Table:
    """A row a line, what did not pass first."""
    # sorted is stable, so lines of one outcome keep the gate's order.
    ranked = sorted(gates, key=lambda gate: FIRST.index(gate.outcome))
    rows = [[Cell(gate.outcome), Cell(gate.name), Cell(gate.detail)] for gate in ranked]
    return Table(["outcome", "gate", "evidence and limit"], rows, NOTE)


def gate_line(gates: Sequence[GateResult]) -> GateLine | None:
    """What stands at the top of the page."""
    if not gates:
        return None
    failed = [gate for gate in gates if not gate.passed]
    counts = []
    for outcome in FIRST:
        counts.append((outcome, sum(gate.outcome == outcome for gate in gates)))
    shown = ", ".join(f"{count} {outcome}" for outcome, count in counts if count)
    if failed:
        return GateLine("Release gate: not met.", f"Of {len(gates)} lines: {shown}.", "unmet", NAME)
    return GateLine("Release gate: met.", f"Of {len(gates)} lines: {shown}.", "met", NAME)


SECTION = Declared(NAME, 330, "Release gate", build)
