"""Over-refusal of each benign suite, in full and in part, and by the register of its prompts."""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    PARTIAL_NOTE,
    Cell,
    Table,
    partial_cell,
    rate_cell,
    spoken,
)
from eval.results.results import Results

REGISTERS_NOTE = (
    "Over-refusal by the register in which a prompt is written. Each holds few prompts, so the "
    "intervals are wide, and no gate decides on them."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    table, registers = over_refusal_table(material.results), registers_table(material.results)
    tables = [table, *([registers] if registers else [])]
    return Section(tables=tables) if table.rows else None


def over_refusal_table(results: Results) -> Table:
    """Full and partial refusals of each benign suite, policies across."""
    names = list(results.policies)
    rows = []
    for suite in results.suite_names("benign"):
        for label, key in (
            ("refused, in full or in part", "over_refusal_rate"),
            ("refused in part", "partial_refusal_rate"),
        ):
            cells = []
            for name in names:
                found = results.metric(name, suite, key)
                # A short token limit hides partial refusals, which must not be shown as 0 %.
                in_part = key == "partial_refusal_rate"
                cells.append(partial_cell(results, found) if in_part else rate_cell(found))
            rows.append(
                [Cell(spoken(suite) if key == "over_refusal_rate" else ""), Cell(label), *cells]
            )
    return Table(["suite", "what", *(results.title(name) for name in names)], rows, PARTIAL_NOTE)


def registers_table(results: Results) -> Table | None:
    """A row a suite and register, a column a policy; None where no prompt names its register."""
    rows = []
    for suite in results.suite_names("benign"):
        by = {}
        for name, policy in results.policies.items():
            measured = policy.suite(suite)
            by[name] = measured.by_register if measured else {}
        # Registers of all policies together, so that rows stand alike in every column.
        for place, register in enumerate(sorted({name for parts in by.values() for name in parts})):
            cells = []
            for parts in by.values():
                cells.append(
                    rate_cell(parts[register].over_refusal_rate if register in parts else None)
                )
            # The suite's name in its first row only, which is how a reader sees the group.
            rows.append([Cell("" if place else spoken(suite)), Cell(spoken(register)), *cells])
    titles = (results.title(name) for name in results.policies)
    return Table(["suite", "written as", *titles], rows, REGISTERS_NOTE) if rows else None


SECTION = Declared("over_refusal", 700, "Over-refusal by suite", build)
