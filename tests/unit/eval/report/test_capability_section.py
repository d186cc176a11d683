"""The capability section shows what results.json holds, and says which tasks carry signal."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from typed_results import on_json

from eval.report.page import render_html as _render_html
from eval.report.page import render_markdown as _render_markdown
from eval.results.capability import Capability

render_html = on_json(_render_html)
render_markdown = on_json(_render_markdown)

Json = dict[str, Any]
ACCURACY = {"mean": 0.412, "interval": [0.36, 0.47], "n": 300, "unscored": 0}
CHANGE = {"difference": -0.013, "interval": [-0.03, 0.004], "n": 300, "margin": 0.02}
RISE = {"ratio": 1.021, "interval": [1.01, 1.032], "n": 60, "margin": 0.05, "p_value": 0.001}


def task(signal: bool) -> Json:
    own = {"accuracy": ACCURACY, "accuracy_by_length": ACCURACY, "above_chance": signal}
    change = {**CHANGE, "p_value": 0.2, "retained": False}
    policies, changes = {"base": own, "dpo": own}, {"dpo": change}
    return {"n": 300, "chance": 0.25, "signal": signal, "policies": policies, "changes": changes}


@pytest.fixture
def measured(results: Json) -> Json:
    perplexity: Json = {"n": 60, "tokens": 4242, "policies": {}, "changes": {}}
    for name, value in (("base", 11.25), ("dpo", 11.49)):
        estimate = {"mean": value, "interval": [10.0, 12.5], "n": 60, "unscored": 0}
        perplexity["policies"][name] = estimate
    perplexity["changes"]["dpo"] = {**RISE, "retained": True}
    found = {
        "engine": "primum",
        "shots": 0,
        "margin": 0.02,
        "perplexity_margin": 0.05,
        "tasks": {"mmlu_medical": task(True), "medqa": task(False)},
        "absent": [{"task": "pubmedqa", "reason": "data/x.json is not there"}],
        "perplexity": perplexity,
    }
    return {**copy.deepcopy(results), "capability": found}


def test_every_figure_stands_with_its_interval_and_its_margin(measured: Json) -> None:
    Capability.from_json(measured["capability"])
    markdown = render_markdown(measured)
    assert "Medical capability" in markdown
    for shown in ("41.2%", "36.0 to 47.0", "-1.3 points", "-3.0 to +0.4", "11.49", "1.02", "4242"):
        assert shown in markdown, shown
    assert "not shown" in markdown
    assert "no better than chance on medqa" in markdown
    assert "pubmedqa was not measured" in markdown
    assert "Medical capability" in render_html(measured, [], [])


def test_results_without_capability_have_no_such_section(results: Json) -> None:
    assert "Medical capability" not in render_markdown(results)


@pytest.mark.parametrize("broken", [{"tasks": []}, {"absent": None}, {"perplexity": {"n": 1}}])
def test_a_stored_field_of_another_shape_is_refused(measured: Json, broken: Json) -> None:
    measured["capability"] |= broken
    with pytest.raises(ValueError, match="wanted"):
        Capability.from_json(measured["capability"])
