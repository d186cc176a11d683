"""No spreadsheet computes what a model wrote, wherever its cells end, and the text comes back as it
was.
"""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.review.review_files import spreadsheet
from data_prep.review.spreadsheet_cells import from_cell, to_cell

FORMULAS = [
    "=cmd|' /C calc'!A0",
    "\uff1dcmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\uff20SUM(A1)",
    "\uff0d1",
    "\ufe661",
    "  =1+1",
    "\t=1+1",
    "\r=1+1",
    "\r@",
    "\n=1+1",
    "\u00a0\u200b=1+1",
    "\x00=1+1",
    '"=1+1',
    "'=1+1",
    "hello;=HYPERLINK(x)",
    "hello; \u200b=HYPERLINK(x)",
    'hello;"=HYPERLINK(x)',
    "hello|=1",
    "hello\t@A1",
    "one\n- two",
    "one\r\n=two",
]
HARMLESS = ["", "plain", "plain, -5 mg", "a-b", "1 = 1", "'quoted'", "mail me@example.org", "x;y"]
pieces = st.lists(
    st.sampled_from(
        [
            "=",
            "\uff1d",
            "-",
            "+",
            "@",
            "'",
            '"',
            ";",
            "|",
            "\t",
            "\r",
            "\n",
            " ",
            "\u200b",
            "\x00",
            "a",
            "1",
            ",",
        ]
    )
)


def runs(cell: str, delimiters: str) -> bool:
    """Whether a spreadsheet that ends cells at these characters would begin to compute."""
    parts = [cell]
    for delimiter in delimiters:
        parts = [piece for part in parts for piece in part.split(delimiter)]
    begun = [part.lstrip(' "\u00a0\u200b\x00') for part in parts]
    return any(
        part[:1] in set("=\uff1d\ufe66+\uff0b-\uff0d\u2212@\uff20") - {""} for part in begun if part
    )


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_a_text(text: str) -> None:
    assert to_cell(text) != text
    assert not runs(to_cell(text), ";|\t\r\n")


@pytest.mark.parametrize("text", HARMLESS)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert to_cell(text) == text


@given(st.text() | pieces.map("".join))
def test_the_text_comes_back(text: str) -> None:
    assert from_cell(to_cell(text)) == text
    assert not runs(to_cell(text), ";|\t\r\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_no_cell_of_a_batch_begins_a_formula_whatever_the_locale_ends_cells_with(
    delimiter: str,
) -> None:
    text = spreadsheet(
        [{"item": "c-1", "prompt": formula, "completion": f"x {formula}"} for formula in FORMULAS]
    )
    read = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    begun = [cell.lstrip(' "\u00a0\u200b\x00\t\r\n') for cells in read for cell in cells]
    assert not [cell for cell in begun if cell[:1] in set("=\uff1d\ufe66+\uff0b-\uff0d@\uff20")]
