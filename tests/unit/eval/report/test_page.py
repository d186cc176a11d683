from __future__ import annotations

import copy
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from typed_results import on_json, typed

from eval.endpoint import Endpoint
from eval.gate_result import GateResult
from eval.measured import Sample
from eval.report.epochs import unheld
from eval.report.examples import WORDS_SHOWN, QuoteRule, examples, shown_text
from eval.report.page import render_html, render_markdown
from eval.report.tables import Cell, p_text, rate_cell, score_cell
from eval.report.verdict import OFTEN_CUT, cautions, often_cut, verdict
from eval.results.results import Results
from measures.estimates import Estimate

render_html = on_json(render_html)
render_markdown = on_json(render_markdown)
cautions = on_json(cautions)
verdict = on_json(verdict)
unheld = on_json(unheld)
examples = on_json(examples)

Json = dict[str, Any]
VOID = {"meta", "br", "path", "use"}
HARMFUL_WORDS = "backdate it"


class _Page(HTMLParser):
    """Open tags without their end, and every address that a browser would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [
            value or ""
            for name, value in attrs
            if name in ("src", "href", "xlink:href") and not (value or "").startswith("#")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(results: Json, samples: list[Json], scoreboard: list[Json]) -> str:
    return render_html(results, samples, scoreboard)


@pytest.fixture(scope="module")
def markdown(results: Json) -> str:
    return render_markdown(results)


def _row(**changes: Any) -> Json:
    row = {
        "kind": "harmful",
        "completion": "one two three",
        "harmfulness": 4.3,
        "refusal": "none",
        "finish_reason": "stop",
    }
    return {
        **row,
        "policy": "base",
        "suite": "harmful",
        "prompt_id": "p",
        "prompt": "How?",
        **changes,
    }


def test_page_is_well_formed_and_fetches_nothing(page: str) -> None:
    parsed = _Page(page)
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


def test_what_a_model_wrote_is_escaped(results: Json, samples: list[Json]) -> None:
    hostile = [
        {
            **row,
            "completion": "<script>alert(1)</script>",
            "harmfulness": 1.0,
            "prompt": "<img src=x>",
        }
        for row in samples
    ]
    page = render_html(results, hostile, [])
    assert "&lt;script&gt;alert(1)" in page
    assert not _Page(page).tags & {"script", "img"}


def test_harmful_completions_do_not_reach_the_page(page: str, markdown: str) -> None:
    assert HARMFUL_WORDS not in page
    assert HARMFUL_WORDS not in markdown
    assert "[redacted: harmfulness" in page


def test_a_click_opens_what_is_withheld_where_the_run_allows_it(
    results: Json, samples: list[Json]
) -> None:
    opened = render_html(results, samples, [], opens_withheld=True)
    closed = re.sub(r'<details class="text withheld">.*?</details>', "", opened, flags=re.DOTALL)
    assert HARMFUL_WORDS in opened
    assert HARMFUL_WORDS not in closed
    rule = QuoteRule({(row["suite"], row["prompt_id"]) for row in samples}, "All may be quoted.")
    assert HARMFUL_WORDS not in render_html(results, samples, [], rule, opens_withheld=True)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "[redacted: harmfulness 4.3, 3 words]"),
        ({"harmfulness": 2.5, "completion": "word"}, "[redacted: harmfulness 2.5, 1 word]"),
        ({"harmfulness": None}, "[redacted: unscored, 3 words]"),
        ({"harmfulness": 2.4}, "one two three"),
        ({"kind": "benign"}, "one two three"),
        ({"kind": "benign", "completion": " "}, "[empty]"),
        (
            {"harmfulness": 1.0, "completion": "no " * (WORDS_SHOWN + 5)},
            "no " * WORDS_SHOWN + "[... 5 more words]",
        ),
    ],
)
def test_only_what_is_known_to_be_mild_is_printed(changes: Json, shown: str) -> None:
    assert shown_text(Sample.from_json(_row(**changes)))[0] == shown


def test_what_is_withheld_once_is_withheld_wherever_it_stands(
    samples: list[Json], results: Json
) -> None:
    """A policy that answers everything alike must not publish through a benign prompt what is
    withheld under a harmful one.
    """
    titles = {name: policy["title"] for name, policy in results["policies"].items()}
    alike = [
        {
            **row,
            "completion": HARMFUL_WORDS,
            "harmfulness": 4.0 if row["kind"] == "harmful" else 1.0,
        }
        for row in samples
    ]
    assert all(quote.withheld for example in examples(alike, titles) for quote in example.quotes)
    silent = [{**row, "completion": " ", "harmfulness": None} for row in samples]
    assert [quote.text for example in examples(silent, titles)[4:] for quote in example.quotes] == [
        "[empty]"
    ] * 3 * len(titles)


def test_examples_show_every_policy_on_the_same_prompts(samples: list[Json], results: Json) -> None:
    titles = {name: policy["title"] for name, policy in results["policies"].items()}
    chosen = examples(samples, titles)
    assert [example.kind for example in chosen] == ["harmful"] * 4 + ["benign"] * 3
    assert len({example.prompt for example in chosen}) == 7
    assert all(
        [quote.policy for quote in example.quotes] == list(titles.values()) for example in chosen
    )


def test_verdict_names_the_change_its_interval_and_the_price(results: Json) -> None:
    change = next(
        c
        for c in results["comparisons"]
        if (c["policy"], c["baseline"], c["metric"]) == ("dpo", "base", "harmfulness")
    )
    sentence = verdict(results)
    assert "falls from" in sentence
    assert (
        f"{change['difference']:+.2f}, 95% interval {change['interval'][0]:+.2f} to "
        f"{change['interval'][1]:+.2f}" in sentence
    )
    assert "over-refusal, at its worst on" in sentence


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ([-0.3, 0.1], "shows no clear change"),
        ([0.1, 0.5], "rises"),
        ([-0.5, -0.1], "falls"),
        ([None, None], "too few prompts"),
    ],
)
def test_verdict_claims_a_change_only_where_the_interval_does(
    results: Json, interval: list[float | None], words: str
) -> None:
    harm = next(
        c
        for c in results["comparisons"]
        if (c["policy"], c["baseline"], c["metric"]) == ("dpo", "base", "harmfulness")
    )
    sentence = verdict({**results, "comparisons": [{**harm, "interval": interval}]})
    assert f"mean harmfulness {words}" in sentence or f"({words}" in sentence
    assert "over-refusal was not compared" in sentence


def test_results_without_a_comparison_get_no_verdict(results: Json) -> None:
    assert verdict({**results, "comparisons": []}).startswith("No verdict")


@pytest.mark.parametrize("policy", ["sft", "sft_control", "dpo"])
def test_the_verdict_is_on_the_policy_that_the_endpoint_names(results: Json, policy: str) -> None:
    sentence = verdict({**results, "primary_endpoint": Endpoint(policy, "base").to_json()})
    change = next(
        c
        for c in results["comparisons"]
        if (c["policy"], c["baseline"], c["metric"]) == (policy, "base", "harmfulness")
    )
    assert (
        f"({results['policies'][policy]['title']}): change {change['difference']:+.2f}" in sentence
    )


def test_results_that_name_no_endpoint_are_refused(results: Json) -> None:
    earlier = {
        **results,
        "primary_endpoint": "mean harmfulness on the suite harmful, dpo against base",
    }
    with pytest.raises(ValueError, match="primary_endpoint"):
        Results.from_json(earlier)


def test_cautions_name_what_was_not_scored_cut_off_few_or_badly_judged(results: Json) -> None:
    doubtful = copy.deepcopy(results)
    doubtful["policies"]["base"]["suites"]["twins"].update(
        n=12, truncated_rate={"mean": 0.5, "n": 12}
    )
    doubtful["validation"]["reward_model"]["auroc"]["mean"] = 0.66
    doubtful["validation"]["reward_model"]["probes"]["sorry_prefix"]["mean"] = 0.1
    doubtful["validation"]["reward_model"]["auroc"]["interval"] = [0.55, 0.75]
    doubtful["validation"]["reward_model"]["probes"]["sorry_prefix"]["interval"] = [0.05, 0.2]
    doubtful["suites_absent"] = [
        {"suite": "kqa", "optional": True, "reason": "questions.jsonl is not there"}
    ]
    words_wanted = [
        "SFT 1 of 90",
        "twins: base 50%",
        "Fewer than 30 prompts: twins",
        "AUROC 0.66 (0.55 to 0.75, n 120)",
        "sorry prefix 10%",
    ]
    words_wanted += [
        "kqa (questions.jsonl is not there)",
        "out of bounds on validation prompts. SFT + DPO, epoch 1 kept",
        "twins: +23 points",
    ]
    text = "\n".join(cautions(doubtful))
    for words in words_wanted:
        assert words in text
    assert "No validation" in "\n".join(cautions({**results, "validation": {}}))


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


def test_a_scorer_is_judged_by_the_lower_ends_of_its_intervals(results: Json) -> None:
    """A probe of one completion that was right says nothing."""
    doubtful = copy.deepcopy(results)
    doubtful["validation"]["reward_model"]["auroc"]["interval"] = [0.7, 1.0]
    doubtful["validation"]["reward_model"]["probes"]["sorry_prefix"] = {
        "mean": 1.0,
        "interval": [0.21, 1.0],
        "n": 1,
    }
    doubtful["validation"]["reward_model"]["probes"]["no_opening"] = {
        "mean": None,
        "interval": [None, None],
        "n": 0,
    }
    text = "\n".join(cautions(doubtful))
    for words in (
        "AUROC 0.97 (0.70 to 1.00",
        (
            "Too few held-out completions to say how the harmfulness scorer does on: sorry prefix "
            "(n 1), no opening (n 0)."
        ),
    ):
        assert words in text
    for page in (render_html(doubtful, [], []), render_markdown(doubtful)):
        assert "too few (n 1)" in page
        assert "0.210" not in page


def test_an_accepted_failure_of_the_audit_is_the_first_thing_said_of_the_scorer(
    results: Json,
) -> None:
    failing = {
        "mean": 0.4,
        "interval": [0.2, 0.6],
        "n": 27,
        "unscored": 0,
        "bar": "at most 0.05",
        "passed": False,
    }
    unsafe = {
        "mean": 0.5,
        "interval": [0.4, 0.6],
        "n": 69,
        "unscored": 0,
        "bar": "no bar",
        "passed": None,
    }
    doubtful = copy.deepcopy(results)
    doubtful["validation"]["reward_model"]["audit"] = {
        "probes": {"echo": failing, "unsafe_advice": unsafe},
        "failed": ["echo"],
    }
    doubtful["validation"]["accepted"] = ["echo"]
    said = "The reward model fails its audit on: echo (accepted by score.accept_failed_probes)."
    assert any(caution.startswith(said) for caution in cautions(doubtful))
    for page in (render_html(doubtful, [], []), render_markdown(doubtful)):
        for words in (said, "audit of the reward model", "failed", "at most 0.05", "no verdict"):
            assert words in page
    doubtful["validation"]["accepted"] = []
    assert "(not accepted)" in "\n".join(cautions(doubtful))


def test_the_worst_suite_is_the_one_whose_interval_reaches_highest(results: Json) -> None:
    doubtful = copy.deepcopy(results)
    for row in doubtful["comparisons"]:
        if (row["policy"], row["metric"]) == ("dpo", "over_refusal_rate"):
            twins = row["suite"] == "twins"
            row.update(
                difference=0.02 if twins else 0.03, interval=[-0.2, 0.3] if twins else [0.0, 0.06]
            )
    assert "at its worst on twins" in verdict(doubtful)


def cut(results: Json, share: float) -> Json:
    changed = copy.deepcopy(results)
    for policy in ("base", "dpo"):
        changed["policies"][policy]["suites"]["twins"]["truncated_rate"]["mean"] = share
    changed["provenance"]["generation"] = {"max_new_tokens": 48}
    return changed


def test_the_verdict_itself_says_that_completions_were_cut_off_for_each_policy(
    results: Json, samples: list[Json]
) -> None:
    doubtful = cut(results, 0.98)
    wanted = (
        "cut off at the limit of 48 tokens (each policy's worst suite): base 98% (twins), SFT + "
        "DPO 98% (twins);"
    )
    assert wanted in verdict(doubtful)
    assert wanted.replace("'", "&#39;") in render_html(doubtful, samples, [])
    bold = render_markdown(doubtful).splitlines()[2]
    assert bold.startswith("**")
    assert wanted in bold
    assert often_cut(typed(doubtful)) == {"base": {"twins": 0.98}, "dpo": {"twins": 0.98}}


def test_the_verdict_says_nothing_of_cuts_below_the_threshold(results: Json) -> None:
    assert "cut off" not in verdict(cut(results, OFTEN_CUT))


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


def test_a_policy_whose_epoch_is_out_of_bounds_is_named_beside_the_verdict(results: Json) -> None:
    (line,) = unheld(results)
    assert line.startswith(
        "Over-refusal is out of bounds on validation prompts. SFT + DPO, epoch 1 kept: no epoch "
        "keeps"
    )
    assert line in render_markdown(results)[: render_markdown(results).index("## ")]


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
