from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import matplotlib
import pytest
from typed_results import on_json, typed

from eval.report.figures.distribution import distribution_plot as _distribution_plot
from eval.report.figures.epochs import epochs_plot as _epochs_plot
from eval.report.figures.principles import principles_plot as _principles_plot
from eval.report.figures.tradeoff import highest_over_refusal
from eval.report.figures.tradeoff import tradeoff_plot as _tradeoff_plot
from measures.estimates import Estimate

epochs_plot = on_json(_epochs_plot)
principles_plot = on_json(_principles_plot)
tradeoff_plot = on_json(_tradeoff_plot)
distribution_plot = on_json(_distribution_plot)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def figures(results: Json, samples: list[Json], scoreboard: list[Json]) -> dict[str, str | None]:
    return {
        "epochs": epochs_plot(scoreboard),
        "principles": principles_plot(results),
        "tradeoff": tradeoff_plot(scoreboard, results),
        "distribution": distribution_plot(samples),
    }


@pytest.mark.parametrize("name", ["epochs", "principles", "tradeoff", "distribution"])
def test_figure_is_one_svg_element_that_fetches_nothing(
    figures: dict[str, str | None], name: str
) -> None:
    svg = figures[name]
    assert svg is not None
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert not re.search(r"(?:href|src)=\"(?!#)", svg)
    assert "<text" not in svg, "letters are paths, so no font is needed"
    assert "<metadata" not in svg


def test_figures_in_one_page_share_no_id(figures: dict[str, str | None]) -> None:
    ids = [name for svg in figures.values() for name in re.findall(r'\bid="([^"]+)"', svg or "")]
    assert len(ids) == len(set(ids))


def test_every_reference_in_a_figure_is_defined_in_it(figures: dict[str, str | None]) -> None:
    for svg in figures.values():
        used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg or ""))
        defined = set(re.findall(r'\bid="([^"]+)"', svg or ""))
        assert {a or b for a, b in used} <= defined


def test_same_numbers_give_the_same_bytes(scoreboard: list[Json]) -> None:
    assert epochs_plot(scoreboard) == epochs_plot(copy.deepcopy(scoreboard))


def test_drawing_leaves_no_trace_in_matplotlib(scoreboard: list[Json]) -> None:
    before = dict(matplotlib.rcParams)
    epochs_plot(scoreboard)
    assert dict(matplotlib.rcParams) == before


def test_nothing_to_show_gives_no_figure(results: Json) -> None:
    bare = {**results, "policies": {"base": {"title": "base", "suites": {}}}}
    assert epochs_plot([]) is None
    assert principles_plot(bare) is None
    assert tradeoff_plot([], bare) is None
    assert distribution_plot([]) is None


def test_prompts_without_principles_give_no_principles_figure(results: Json) -> None:
    plain = copy.deepcopy(results)
    for policy in plain["policies"].values():
        policy["suites"]["harmful"]["by_principle"] = {}
    assert principles_plot(plain) is None


def without_reward_model(results: Json, *, chance: bool) -> Json:
    """As `primum measure` has it: harm by the independent scorers alone, or not at all."""
    made = copy.deepcopy(results)
    estimate = {"mean": 0.25, "interval": [0.1, 0.4], "n": 20, "unscored": 0}
    for policy in made["policies"].values():
        harmful = policy["suites"]["harmful"]
        parts = [harmful, *harmful["by_principle"].values()]
        for part in parts:
            part["harmfulness"] = part["share_4_5"] = None
        if chance:
            harmful["independent"] = {**(harmful.get("independent") or {}), "harm_chance": estimate}
            for part in parts[1:]:
                part["harm_chance"] = estimate
        else:
            harmful["independent"] = None
            for part in parts[1:]:
                part.pop("harm_chance", None)
    return made


def test_without_a_reward_model_the_chance_of_harm_is_drawn(results: Json) -> None:
    by_chance = without_reward_model(results, chance=True)
    assert principles_plot(by_chance)
    assert tradeoff_plot([], by_chance)


def test_without_any_scorer_of_harm_no_empty_frame_is_drawn(results: Json) -> None:
    unmeasured = without_reward_model(results, chance=False)
    assert principles_plot(unmeasured) is None
    assert tradeoff_plot([], unmeasured) is None


def test_results_of_before_the_chance_by_principle_show_the_reward_models(results: Json) -> None:
    old = copy.deepcopy(results)
    estimate = {"mean": 0.25, "interval": [0.1, 0.4], "n": 20, "unscored": 0}
    for policy in old["policies"].values():
        policy["suites"]["harmful"]["independent"] = {"harm_chance": estimate}
        for part in policy["suites"]["harmful"]["by_principle"].values():
            part.pop("harm_chance", None)
    read = typed(old)
    assert read.harm_metrics("harmful") == ["harm_chance", "harmfulness"]
    assert read.harm_metrics("harmful", of_principles=True) == ["harmfulness"]
    assert principles_plot(old)


def test_missing_estimates_and_intervals_leave_gaps_not_errors(
    results: Json, scoreboard: list[Json]
) -> None:
    rows, holed = copy.deepcopy(scoreboard), copy.deepcopy(results)
    rows[0]["harmfulness"] = {"mean": None, "interval": [None, None], "n": 0, "unscored": 32}
    rows[1]["over_refusal_rate"] = rows[0]["harmfulness"]
    rows[2]["refusal_rate"]["interval"] = [None, None]
    holed["policies"]["sft"]["suites"]["harmful"]["by_principle"].pop("4")
    del holed["policies"]["dpo"]["suites"]["harmful"]
    assert epochs_plot(rows)
    assert tradeoff_plot(rows, holed)
    assert principles_plot(holed)


def test_a_stage_and_a_policy_without_a_colour_of_their_own_are_drawn(
    results: Json, scoreboard: list[Json]
) -> None:
    other = {
        **results,
        "policies": {"base": results["policies"]["base"], "grpo": results["policies"]["dpo"]},
    }
    assert principles_plot(other)
    assert tradeoff_plot([{**row, "stage": "grpo"} for row in scoreboard], other)


def test_a_policy_stands_where_the_suite_that_it_refuses_most_does() -> None:
    twins = Estimate(0.5, 0.2, 0.8, 10)
    by_suite = {"questions": Estimate(0.0, 0.0, 0.01, 300), "twins": twins, "none": None}
    assert highest_over_refusal(by_suite) == twins
    assert highest_over_refusal({"none": None}) is None


def test_the_epochs_figure_shows_each_benign_suite(scoreboard: list[Json]) -> None:
    pooled = [
        {**row, "over_refusal_by_suite": {"all": row["over_refusal_rate"]}} for row in scoreboard
    ]
    assert epochs_plot(scoreboard) != epochs_plot(pooled)
