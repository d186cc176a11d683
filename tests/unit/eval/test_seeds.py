"""One report over the seeds of a recipe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from stored_run import rows, store

from eval.results.opened import OpenedSet
from eval.results.stored import read_results
from eval.seeds import SeedsReport, seeds_html, seeds_markdown, seeds_report

if TYPE_CHECKING:
    from eval.results.results import Results


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Results]:
    folder, found = tmp_path_factory.mktemp("seeds"), {}
    for seed, harm in enumerate((1.2, 1.4, 1.6)):
        base, dpo = (
            rows("base", harmful=4.0, over_refused=20),
            rows("dpo", harmful=harm, over_refused=20 + 4 * seed),
        )
        run = store(folder / f"seed-{seed}", {"base": base, "dpo": dpo}, tables=False)
        found[seed] = read_results(run / "eval" / "results.json")
    return found


def figure(report: SeedsReport, policy: str, suite: str, metric: str) -> dict[str, Any]:
    (found,) = [
        f for f in report.figures if (f.policy, f.suite, f.metric) == (policy, suite, metric)
    ]
    return found.to_json()


def test_training_noise_stands_beside_sampling_error_by_policy_and_suite(
    runs: dict[int, Results],
) -> None:
    report = seeds_report(runs, {})
    harm = figure(report, "dpo", "harmful", "harmfulness")
    assert harm["values"] == pytest.approx([1.3, 1.5, 1.7])
    assert harm["training_sd"] == pytest.approx(0.2)
    assert 0 < harm["prompt_se"] < 0.02
    assert figure(report, "base", "harmful", "harmfulness")["training_sd"] == 0.0
    over = figure(report, "dpo", "twins", "over_refusal_rate")
    assert over["values"] == pytest.approx([20 / 192, 24 / 192, 28 / 192])
    assert {f.metric for f in report.figures} >= {"relevance", "called_harmful", "declined"}


def test_the_page_and_the_markdown_say_both_and_name_what_is_missing(
    runs: dict[int, Results],
) -> None:
    report = seeds_report(runs, {3: "its evaluation is not done"})
    for text in (seeds_markdown(report), seeds_html(report)):
        assert "training noise (SD)" in text
        assert "sampling error (SE)" in text
        assert "Seed 3 has no results" in text
    assert "3 training runs (seeds 0, 1, 2) on the same prompts" in seeds_markdown(report)


def test_runs_on_other_prompts_are_not_mixed(runs: dict[int, Results]) -> None:
    other = replace(runs[1], test_set=OpenedSet(sha256="f" * 64))
    with pytest.raises(ValueError, match="different test prompts"):
        seeds_report({0: runs[0], 1: other}, {})
    with pytest.raises(ValueError, match="no seed has results"):
        seeds_report({}, {0: "its evaluation is not done"})
