"""The first sentences: what they claim, of which policy, and what they say of cut completions."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from typed_results import on_json, typed

from eval.endpoint import Endpoint
from eval.report.page import render_html as _render_html
from eval.report.page import render_markdown as _render_markdown
from eval.report.verdict import OFTEN_CUT, often_cut
from eval.report.verdict import verdict as _verdict
from eval.results.results import Results

render_html = on_json(_render_html)
render_markdown = on_json(_render_markdown)
verdict = on_json(_verdict)
Json = dict[str, Any]


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
