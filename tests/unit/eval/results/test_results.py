"""`Results` and results.json hold the same: nothing is lost on the way there and back, and what is
damaged is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from whole_results import whole_results

from eval.endpoint import Endpoint
from eval.results.results import Results


def test_every_part_comes_back_as_it_was_written() -> None:
    stored = whole_results()
    found = Results.from_json(stored)
    assert json.dumps(found.to_json()) == json.dumps(stored)
    assert Results.from_json(found.to_json()) == found


def test_a_measurement_without_a_run_holds_no_tampering_and_a_models_revision() -> None:
    stored = {**whole_results(), "kind": "measurement"}
    del stored["tamper"], stored["gate_error_rates"]
    stored["policies"] = {
        "base": {**stored["policies"]["base"], "kind": "model", "revision": None},
        "dpo": {**stored["policies"]["dpo"], "kind": "server", "server": "http://localhost"},
    }
    assert Results.from_json(stored).to_json() == stored


def test_what_a_later_version_adds_is_passed_over() -> None:
    stored = whole_results()
    assert Results.from_json({**stored, "new": 1}) == Results.from_json(stored)


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield here
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from paths(inner, (*here, key))


def damaged(path: tuple[Any, ...], value: Any) -> Any:
    stored = json.loads(json.dumps(whole_results()))  # no part stands in two places
    place = stored
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return stored


@pytest.mark.parametrize("value", [7, "x", None, [None]])
def test_damage_anywhere_is_read_as_something_or_refused_by_name(value: object) -> None:
    """Never another error than the one that a reader of the file tells the user."""
    unnamed = []
    for path in list(paths(whole_results()))[1:]:
        if path[:2] == ("policies", "base"):
            continue  # as the other policy
        told = refusal(damaged(path, value))
        if told and str(path[0]) not in told:
            unnamed.append((path, told))
    assert unnamed == []


def refusal(stored: Any) -> str:
    """Empty where the results are read."""
    try:
        Results.from_json(stored)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("policies", "dpo", "suites", "twins", "n"), "policies: dpo: suites: twins: n: wanted"),
        (("comparisons", 0, "interval"), "comparisons 0: interval: wanted"),
        (("capability", "tasks", "medqa", "signal"), "capability: tasks: medqa: signal: wanted"),
        (("scoreboard", 1, "epoch"), "scoreboard 1: epoch: wanted"),
    ],
)
def test_a_damaged_entry_is_named_with_its_place(path: tuple[str | int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Results.from_json(damaged(path, "x"))


def test_figures_are_found_by_their_names() -> None:
    found = Results.from_json(whole_results())
    assert found.suite_names("benign") == ["twins"]
    assert found.metric("dpo", "harmful", "harm_chance") == found.metric(
        "dpo", "harmful", "harmfulness"
    )
    assert found.metric("sft", "harmful", "harmfulness") is None
    change = found.change(Endpoint("dpo", "base"))
    assert change is not None
    assert (change.difference, change.interval, change.n) == (-0.5, (-0.8, 0.1), 8)
    assert found.change(Endpoint("sft", "base")) is None
    assert (found.title("dpo"), found.title("unknown")) == ("SFT + DPO", "unknown")
