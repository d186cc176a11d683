"""Cells: a value with its interval and n, and nothing that rounding invents."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from typed_results import on_json

from eval.report.page import render_html as _render_html
from eval.report.page import render_markdown as _render_markdown
from eval.report.tables import Cell, p_text, rate_cell, score_cell
from measures.estimates import Estimate

render_html = on_json(_render_html)
render_markdown = on_json(_render_markdown)
Json = dict[str, Any]


@pytest.fixture(scope="module")
def page(results: Json, samples: list[Json], scoreboard: list[Json]) -> str:
    return render_html(results, samples, scoreboard)


def test_cells_carry_interval_n_and_what_is_unscored() -> None:
    estimate = Estimate(0.125, 0.1, 0.2, 89, 1)
    assert rate_cell(estimate) == Cell("12.5%", "10.0 to 20.0, n 89, 1 unscored")
    assert score_cell(replace(estimate, low=None, high=None)) == Cell(
        "0.12", "no interval, n 89, 1 unscored"
    )
    assert score_cell(Estimate(None, None, None, 0, 4)) == Cell("not measured", "4 unscored")
    assert rate_cell(None) == Cell("not measured")


def test_what_rounds_to_zero_has_no_sign() -> None:
    nearly = Estimate(-0.0004, -0.0004, 0.0, 9)
    assert score_cell(nearly) == Cell("0.00", "0.00 to 0.00, n 9")
    assert rate_cell(nearly) == Cell("0.0%", "0.0 to 0.0, n 9")


def test_p_values_are_never_zero() -> None:
    assert [p_text(p) for p in (0.0, 0.0009, 0.012, 1.0, None)] == [
        "< 0.001",
        "< 0.001",
        "0.012",
        "1.000",
        "-",
    ]


def test_no_share_refused_in_part_is_printed_where_the_token_limit_leaves_no_room(
    results: Json,
) -> None:
    """At 48 tokens a completion cannot decline and then comply for forty words."""
    short = copy.deepcopy(results)
    for policy in short["policies"].values():
        for suite in policy["suites"].values():
            suite["partial_refusal_rate"] = {"mean": 0.0, "interval": [0.0, 0.02], "n": 90}
    short["provenance"]["generation"] = {"max_new_tokens": 48}
    page = render_markdown(short)
    rows = [line for line in page.splitlines() if "refused in part" in line and "0.0%" in line]
    assert rows == []
    assert "cannot be seen" in page
    short["provenance"]["generation"] = {"max_new_tokens": 96}
    assert "cannot be seen" not in render_markdown(short)
