"""What the user reads while it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from records.escaping import one_line

WIDTH = 11
MOST_FAULTS = 50
"""Faults that are printed; nobody reads more at once."""


def say(stage: str, text: str) -> None:
    """One line, whatever names from outside stand in it."""
    # flush: under Slurm output goes to a file, and a killed job would lose its last lines.
    print(f"{stage:<{WIDTH}} {one_line(text)}", flush=True)


def show(lines: Iterable[str]) -> None:
    """What a command was asked for, on standard output."""
    for line in lines:
        print(one_line(line), flush=True)


def complain(faults: Sequence[str]) -> None:
    """Every fault, one a line, on standard error; of very many the first and a count."""
    more = len(faults) - MOST_FAULTS
    for fault in [
        *faults[:MOST_FAULTS],
        *([f"... and {more} more; mend these first"] if more > 0 else []),
    ]:
        print(f"primum: {one_line(fault)}", file=sys.stderr, flush=True)
