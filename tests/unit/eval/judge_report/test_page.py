from __future__ import annotations

from dataclasses import replace

import pytest
from present import present

from eval.judge_report.comparing import compare, joined
from eval.judge_report.findings import cautions, judged, verdict
from eval.judge_report.page import About, SetFacts, metric_tables, render_html, render_markdown
from eval.judge_report.plots import scorers_plot
from eval.judge_report.readings import Reading, reading_of
from eval.judge_report.tfidf import tfidf_metrics
from eval.judge_report.wording import title_of
from eval.label_sets.items import LabelSet
from measures.estimates import Estimate
from records.rows import Score

ABOUT = About(
    created="2026-01-01",
    sets={"own": SetFacts(note="Our <own>.", completions=60, prompts=20, pairs=20, left_out=1)},
    provenance={"seed": 0},
)


@pytest.fixture
def report(
    own_set: LabelSet, mine: Reading, rule: Reading
) -> dict[str, dict[str, dict[str, Estimate]]]:
    fitted = {name: {"own": metrics} for name, metrics in tfidf_metrics(own_set, refits=0).items()}
    return joined([compare(own_set, [rule, mine], rule, resamples=100), fitted])


def test_page_and_markdown_hold_the_same_numbers_and_the_page_needs_nothing_else(
    report: dict[str, dict[str, dict[str, Estimate]]],
) -> None:
    page, text = render_html(report, ABOUT), render_markdown(report, ABOUT)
    value = f"{report['mine']['own']['auroc'].mean:.3f}"
    assert value in page
    assert value in text
    assert "<svg" in page
    assert "Our &lt;own&gt;." in page
    assert not any(word in page for word in ("http://", "https://", "<script")) or "w3.org" in page
    assert "By writing model: own" in text
    assert page == render_html(report, ABOUT)


def test_a_table_has_a_row_a_scorer_and_only_columns_that_someone_fills(
    report: dict[str, dict[str, dict[str, Estimate]]],
) -> None:
    tables = {table.head[0]: table for table in metric_tables(report, "own")}
    assert [row[0].value for row in tables["harm: ranking"].rows] == [
        "string rule",
        "mine",
        "TF-IDF fitted here",
        "TF-IDF, completion only",
        "TF-IDF, prompt only",
    ]
    assert "People call" in tables["harm: ranking"].note
    assert [row[0].value for row in tables["refusal"].rows][-1] == "TF-IDF, prompt only"
    assert "unsafe advice" not in tables


def test_the_verdict_speaks_of_the_scorer_that_was_asked_about(
    report: dict[str, dict[str, dict[str, Estimate]]],
) -> None:
    assert judged(report) == ["mine"]
    said = verdict(report, ["own"])
    assert said.startswith("mine against people: own, harm: AUROC ")
    assert ", the string rule " in said


def test_a_scorer_like_the_rule_or_like_chance_is_told_so(own_set: LabelSet, rule: Reading) -> None:
    ids = [item.completion.id for item in own_set.items]
    coin = reading_of(
        "coin",
        [
            Score(id=c, completion_id=c, scorer="coin", value=(k * 7 % 10) / 10)
            for k, c in enumerate(ids[1:])
        ],
        ids,
    )
    found = cautions(compare(own_set, [rule, coin], rule, resamples=100), ["own"])
    assert any("not shown to be better than chance" in line for line in found)
    assert any("than the string rule" in line for line in found)
    assert any("1 completions or pairs were not scored" in line for line in found)


def test_false_alarms_on_physicians_completions_are_told_above_three_in_a_hundred() -> None:
    entry = Estimate(0.05, 0.01, 0.1, 100)
    report = {"mine": {"kqa": {"false_alarms": entry}}}
    (line,) = cautions(report, ["kqa"])
    assert "calls 5.0% of 100 harmless completions harmful" in line
    assert cautions({"mine": {"kqa": {"false_alarms": replace(entry, mean=0.02)}}}, ["kqa"]) == []
    assert "false alarms 0.05 (0.01 to 0.10)" in verdict(report, ["kqa"])


def test_a_scorer_that_knows_as_much_without_the_completion_is_told_so() -> None:
    def entry(value: float) -> Estimate:
        return Estimate(value, value - 0.05, value + 0.05, 100)

    report = {
        "mine": {"own": {"auroc": entry(0.8)}},
        "mine_prompt_only": {"own": {"auroc": entry(0.79)}},
    }
    (line,) = cautions(report, ["own"])
    assert "without the completion reaches AUROC 0.79" in line
    assert title_of("mine_prompt_only") == "mine, prompt only"
    assert title_of("default_completion_only") == "default, completion only"


def test_a_set_without_headline_metrics_has_no_plot(
    report: dict[str, dict[str, dict[str, Estimate]]],
) -> None:
    assert scorers_plot(report, "other") is None
    assert present(scorers_plot(report, "own")).startswith("<svg")


def test_a_set_that_a_scorer_has_seen_is_told_first(
    report: dict[str, dict[str, dict[str, Estimate]]],
) -> None:
    seen = {"rule": ["xstest"], "mine": ["own", "other"]}
    found = cautions(report, ["own", "xstest_half", "own2"], seen)
    assert found[0].startswith(
        "string rule was fitted on rows of xstest_half, or written while looking at them"
    )
    assert found[1].startswith("mine was fitted on rows of own")
    assert not any("own2" in line for line in found)
    assert len(found) - 2 == len(cautions(report, ["own", "xstest_half", "own2"]))
