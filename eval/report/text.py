"""A table of the report as the terminal shows it: turned round, so that policies stand side by
side.
"""

from __future__ import annotations

from eval.report.tables import Table
from records.escaping import one_line


def text_lines(table: Table, confidence: float) -> list[str]:
    """A line a column of the table, under a line of what its rows are about; then the level of the
    intervals.
    """
    rows = []
    for place, title in enumerate(table.head):
        cells = [one_line(row[place].text) for row in table.rows]
        rows.append([one_line(title), *cells])
    widths = []
    for place in range(len(rows[0])):
        widths.append(max(len(row[place]) for row in rows))
    lines = []
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return [*lines, f"{100 * confidence:g} % intervals in brackets"]
