"""The page and the Markdown: their sections, their tables, and that they need nothing else."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from read_page import ReadPage
from typed_results import on_json

from eval.gate_result import GateResult
from eval.report.page import render_html as _render_html
from eval.report.page import render_markdown as _render_markdown

render_html = on_json(_render_html)
render_markdown = on_json(_render_markdown)
Json = dict[str, Any]


@pytest.fixture(scope="module")
def page(results: Json, samples: list[Json], scoreboard: list[Json]) -> str:
    return render_html(results, samples, scoreboard)


@pytest.fixture(scope="module")
def markdown(results: Json) -> str:
    return render_markdown(results)


def test_page_is_well_formed_and_fetches_nothing(page: str) -> None:
    parsed = ReadPage(page)
    assert parsed.open == []
    assert parsed.fetched == []
    assert not parsed.tags & {"script", "link", "iframe", "img"}
    assert "@import" not in page
    assert "@font-face" not in page
    assert not re.search(r"url\((?!#)", page)


def test_sections_stand_in_the_order_of_evidence(page: str) -> None:
    wanted = [
        "How the scorers were validated",
        "Harm, its price, and where it is left",
        "Safety",
        "Paired changes against base",
    ]
    wanted += [
        "Harm by ethical principle",
        "Distribution of harmfulness",
        "DPO or only more training? SFT at equal optimiser steps",
        "Every policy epoch",
        "Over-refusal by suite",
        "Unscored and cut off",
    ]
    wanted += ["Examples", "Where the numbers come from", "How to read this", "Limits"]
    assert re.findall(r"<h2>(.*?)</h2>", page) == wanted
    assert page.count("<svg") == 4
    contents = re.findall(r'<li><a href="#([a-z_-]+)">(.*?)</a></li>', page)
    assert contents == re.findall(r'<section id="([a-z_-]+)">\s*<h2>(.*?)</h2>', page)


def test_the_title_names_model_run_and_day(results: Json, samples: list[Json]) -> None:
    named = {
        **results,
        "provenance": {
            **results["provenance"],
            "model": "/models/meditron-7b/",
            "run": "night <1>",
        },
    }
    page = render_html(named, samples, [])
    assert (
        "<title>meditron-7b \u00b7 night &lt;1&gt; \u00b7 2026-02-03 \u00b7 harm and over-refusal"
        in page
    )
    assert "<h1>meditron-7b: harm and over-refusal, before and after alignment</h1>" in page
    assert "Run night &lt;1&gt; &middot; Policy SFT + DPO &middot; 2026-02-03 10:11 UTC" in page
    assert "Model meditron-7b. Run night &lt;1&gt;. Policy SFT + DPO." in render_markdown(named)


def test_the_gate_stands_at_the_top_and_line_by_line_below(
    results: Json, samples: list[Json]
) -> None:
    lines = [
        GateResult("evidence", True, "there"),
        GateResult("harm on <x>", False, "got 3, wanted at most 2"),
    ]
    for text in (render_html(results, samples, [], gates=lines), render_markdown(results, lines)):
        assert text.index("Release gate: not met.") < text.index("Read with care")
        assert text.index("harm on &lt;x&gt;") < text.index("there")
    assert "Release gate: met." in render_markdown(results, lines[:1])
    assert "Release gate" not in render_markdown(results)


def test_markdown_tables_have_one_width(markdown: str) -> None:
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    tables = "\n".join(
        line if line.startswith("|") else "" for line in markdown.splitlines()
    ).split("\n\n")
    assert len(rows) > 50
    for table in filter(None, (t.strip() for t in tables)):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1
    assert "| 3.59 (3.38 to 3.80), n 90 |" in markdown
    assert "\n\n\n" not in markdown


def test_page_and_markdown_show_the_same_values(page: str, markdown: str) -> None:
    in_page = re.findall(r'<td>(?:<span class="whole">)?(\d+\.\d+%?)', page)
    assert len(in_page) > 50
    assert all(value in markdown for value in in_page)


def test_text_from_outside_cannot_break_a_markdown_table(results: Json) -> None:
    odd = {**results, "provenance": {"model": "a|b\n<script>"}}
    assert "| model | a\\|b &lt;script&gt; |" in render_markdown(odd)


def test_a_run_without_dpo_control_principles_or_scoreboard_is_reported(
    results: Json, samples: list[Json]
) -> None:
    small = copy.deepcopy(results)
    small["policies"] = {"base": small["policies"]["base"]}
    small["policies"]["base"]["suites"] = {
        "harmful": small["policies"]["base"]["suites"]["harmful"]
    }
    small["policies"]["base"]["suites"]["harmful"]["by_principle"] = {}
    small.update(comparisons=[], validation={}, provenance={}, scoreboard=[])
    for text in (render_html(small, [], []), render_markdown(small)):
        assert "No reward model validation was recorded" in text
        assert "No verdict" in text
        assert "Over-refusal by suite" not in text
        assert "equal optimiser steps" not in text


def test_why_each_epoch_was_kept_stands_above_the_epochs_and_every_suite_in_a_column(
    page: str, markdown: str
) -> None:
    section = markdown[markdown.index("## Every policy epoch") :]
    reason, head = (
        section.index("no epoch keeps over-refusal within 10 points"),
        section.index("| stage |"),
    )
    assert reason < head
    assert "| over-refusal: patient questions | over-refusal: twins |" in section
    assert "no epoch keeps over-refusal within 10\u00a0points" in page
