"""Conditions and log-probabilities are asked of a model by `primum measure`, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured_command import SHORT
from typed_results import as_json

from pipeline.commands.measure import measure as _measure
from pipeline.measuring import asking
from pipeline.measuring.request import Request

measure = as_json(_measure)

pytestmark = pytest.mark.embedded


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("PRIMUM_CACHE", str(folder))
    return folder


def test_conditions_and_log_probabilities_are_asked_of_a_model_too(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [
        "eval.conditions=[{name: role_play}, {name: pressure}]",
        "eval.condition_prompts=2",
        "eval.dual=[harmful, red_flags]",
    ]
    words = ("harmful", "red_flags", *SHORT, *asked)
    request = Request(model=str(tiny_directory), words=words, limit=3, output=tmp_path / "out")
    found = measure(request)
    family = found["conditions"]["harmful"]["called_harmful"]["policies"]["base"]["by_family"]
    assert {
        name: estimate["n"] + estimate["unscored"] for name, estimate in family.items()
    } == dict.fromkeys(("direct", "role_play", "pressure"), 2)
    assert {suite: cells["base"]["margin"]["n"] for suite, cells in found["dual"].items()} == {
        "harmful": 3,
        "red_flags": 3,
    }
    assert found["policies"]["base"]["suites"]["harmful"]["n"] == 3
    monkeypatch.setattr(asking, "generating", lambda *_: pytest.fail("the model was loaded again"))
    again = measure(request)
    assert {name: again[name] for name in ("conditions", "dual")} == {
        name: found[name] for name in ("conditions", "dual")
    }
