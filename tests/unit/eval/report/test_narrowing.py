"""A report of a thousand suites shows the worst of them, says so, and can be opened."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from typed_results import on_json, rows_of, typed

from eval.report.narrowing import SHOWN, narrowed, narrowed_scoreboard, narrowing_note
from eval.report.page import render_html as _render_html
from eval.report.page import render_markdown as _render_markdown
from eval.report.verdict import CAUTIONS_SHOWN
from eval.report.verdict import cautions as _cautions

render_html = on_json(_render_html)
render_markdown = on_json(_render_markdown)
cautions = on_json(_cautions)

MANY = 500


@pytest.fixture
def many(results: dict[str, Any]) -> dict[str, Any]:
    """The run with 500 suites of each kind more, each refused or harmed a little more than the one
    before.
    """
    found = copy.deepcopy(results)
    for name, policy in found["policies"].items():
        for place in range(MANY):
            for kind, like, metric in (
                ("harmful", "harmful", "harmfulness"),
                ("benign", "twins", "over_refusal_rate"),
            ):
                suite = dict(results["policies"][name]["suites"][like])
                suite[metric] = {**suite[metric], "mean": place / MANY, "interval": [0.0, 1.0]}
                policy["suites"][f"{kind}_{place}"] = suite
    found["comparisons"] += [
        {**row, "suite": f"{kind}_{place}"}
        for row in results["comparisons"]
        for kind, like in (("harmful", "harmful"), ("benign", "twins"))
        for place in range(MANY if row["suite"] == like else 0)
    ]
    return found


def test_a_usual_run_is_shown_whole(
    results: dict[str, Any], scoreboard: list[dict[str, Any]]
) -> None:
    whole, rows = typed(results), rows_of(scoreboard)
    assert narrowed(whole) is whole
    assert narrowed_scoreboard(rows) is rows
    assert narrowing_note(whole) == []


def test_the_worst_suites_of_each_kind_and_the_endpoints_stay(many: dict[str, Any]) -> None:
    shown = narrowed(typed(many))
    assert len(shown.suite_names("harmful")) == len(shown.suite_names("benign")) == SHOWN
    assert "harmful" in shown.suite_names("harmful")
    assert {f"benign_{MANY - 1}", f"benign_{MANY - 2}"} < set(shown.suite_names("benign"))
    assert f"harmful_{MANY - 1}" in shown.suite_names("harmful")
    assert {row.suite for row in shown.comparisons} <= {
        *shown.suite_names("harmful"),
        *shown.suite_names("benign"),
    }


def test_a_suite_that_could_not_be_measured_counts_as_worst(many: dict[str, Any]) -> None:
    suite = many["policies"]["dpo"]["suites"]["benign_0"]
    suite["over_refusal_rate"] = {"mean": None, "interval": [None, None], "n": 0, "unscored": 5}
    assert "benign_0" in narrowed(typed(many)).suite_names("benign")


def test_the_page_stays_small_and_says_what_it_leaves_out(
    many: dict[str, Any], samples: list[dict[str, Any]], scoreboard: list[dict[str, Any]]
) -> None:
    board = [
        {
            **row,
            "over_refusal_by_suite": {
                f"s{place}": row["over_refusal_rate"] for place in range(MANY)
            },
        }
        for row in scoreboard
    ]
    page, text = render_html(many, samples, board), render_markdown({**many, "scoreboard": board})
    assert len(page) < 5_000_000
    for written in (page, text):
        assert f"Tables and plots show {2 * SHOWN} of them" in written
    assert len(cautions(many)) < 2 * CAUTIONS_SHOWN
