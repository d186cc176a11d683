"""Tables of the report as the terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence

from eval.report.sections.independent import independent_table
from eval.report.sections.safety import safety_table
from eval.report.tables import Table
from eval.results.results import Results
from records.escaping import one_line


def told(results: Results) -> list[str]:
    """What a terminal shows of an evaluation: harm and its price by policy, then what scorers say
    that no training touched; last the level of the intervals.
    """
    # Turned: a terminal is narrow, a run has few policies and many columns.
    lines = aligned(turned_round(safety_table(results)))
    if by_others := independent_table(results):
        lines += ["", *aligned([by_others.head, *_texts(by_others)])]
    return [*lines, f"{100 * results.confidence:g} % intervals in brackets"]


def turned_round(table: Table) -> list[list[str]]:
    """A row for each column of the table, so that policies stand side by side."""
    rows = _texts(table)
    turned = []
    for place, title in enumerate(table.head):
        turned.append([title, *(row[place] for row in rows)])
    return turned


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line a row, under a rule below the first; whatever cells hold, each stays on its line."""
    # Titles come from users' files: a line break or control character would break the columns.
    plain = [[one_line(cell) for cell in row] for row in rows]
    widths = []
    for place in range(len(plain[0])):
        widths.append(max(len(row[place]) for row in plain))
    lines = []
    for row in plain:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        # Trailing blanks would wrap into empty lines on a narrow terminal.
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def _texts(table: Table) -> list[list[str]]:
    rows = []
    for row in table.rows:
        rows.append([cell.text for cell in row])
    return rows
