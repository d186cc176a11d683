"""Text in a CSV cell that no spreadsheet takes for a formula, and the way back.

A `'` goes before whatever would begin a formula: where the cell begins, and after each character
that the spreadsheet of some country takes for the end of a cell. Commas are left out: where they
end a cell, the quotes of CSV hold it together.
"""

from __future__ import annotations

import re

from records.escaping import UNSEEN

_SIGNS = "=\uff1d\ufe66\u207c\u208c+\uff0b\ufe62\u207a\u208a\\-\uff0d\ufe63\u2212@\uff20\ufe6b"
"""Equals, plus, minus and at, and their wide, small and raised forms, which are read as the
same."""
_PASSED_OVER = rf"[^\S\t\r\n]|[\"]|{UNSEEN.pattern}"
"""What may stand before the sign and is passed over: blanks, quotes, what nobody sees."""
_FORMULA = rf"'*(?:(?!\r)(?:{_PASSED_OVER}))*[{_SIGNS}]"
# A cell that begins with a tab or the end of a line is marked there too, before the sign behind it
# is looked for.
_BEGINS = re.compile(rf"\A(?='*[\t\r\n])|(\A|[;|\t\r\n])(?={_FORMULA})")
_MARKED = re.compile(rf"\A'(?='*[\t\r\n])|(\A|[;|\t\r\n])'(?={_FORMULA})")


def to_cell(text: str) -> str:
    """The text to write into a cell.

    >>> to_cell("=1+1"), to_cell("hello;=HYPERLINK(x)"), to_cell("plain, -5 mg")
    ("'=1+1", "hello;'=HYPERLINK(x)", 'plain, -5 mg')
    """
    return _BEGINS.sub(lambda found: f"{found[1] or ''}'", text)


def from_cell(cell: str) -> str:
    """The text that was written, of a cell that came back."""
    return _MARKED.sub(lambda found: found[1] or "", cell)
