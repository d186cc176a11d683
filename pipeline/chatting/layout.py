"""Replies as the terminal shows them: side by side where it is wide enough, else one under the
other.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from records.escaping import one_line, visible

WIDE = 100
"""Columns from which two replies stand side by side."""
GAP = "  |  "
BOLD, DIM, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
CLEARED = "\x1b[K"
"""What stands behind the cursor in its line is gone."""


class Shown(NamedTuple):
    title: str
    text: str
    verdict: str


def laid_out(replies: Sequence[Shown], width: int, *, colour: bool) -> list[str]:
    """Lines of at most `width` columns; text from models is escaped, so that it cannot move the
    cursor.
    """
    # Two columns of less than half of 100 would cut most words of a reply.
    if len(replies) < 2 or width < WIDE:
        found: list[str] = []
        for reply in replies:
            found.extend((*_block(reply, width, colour=colour), ""))
        return found
    each = (width - len(GAP) * (len(replies) - 1)) // len(replies)
    blocks = [_block(reply, each, colour=colour) for reply in replies]
    rows = zip_longest(*blocks, fillvalue="")
    return [*(GAP.join(_padded(cell, each) for cell in row).rstrip() for row in rows), ""]


def _block(reply: Shown, width: int, *, colour: bool) -> list[str]:
    title, verdict = one_line(reply.title), textwrap.wrap(one_line(reply.verdict), width) or [""]
    body = []
    # Tabs are expanded before wrapping, which would count one as a single column.
    for part in visible(reply.text).expandtabs().split("\n"):
        body.extend(textwrap.wrap(part, width) or [""])
    if not colour:
        return [title, *body, *verdict]
    return [f"{BOLD}{title}{PLAIN}", *body, *(f"{DIM}{line}{PLAIN}" for line in verdict)]


def _padded(cell: str, width: int) -> str:
    # Colour marks take no column on a terminal, and padding must not count them.
    drawn = cell
    for mark in (BOLD, DIM, PLAIN):
        drawn = drawn.replace(mark, "")
    return cell + " " * (width - len(drawn))
