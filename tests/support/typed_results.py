"""Results for tests: read from the part of results.json that a test is about, or made from
completions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from eval.endpoint import Endpoint
from eval.measured import Measured, Sample
from eval.results.build import build_results
from eval.results.described import AbsentSuite
from eval.results.facts import PolicyFacts, RunFacts
from eval.results.opened import OpenedSet
from eval.results.results import Results
from eval.results.scoreboard_row import ScoreboardRow
from eval.results.validation import Validation
from eval.selection import Selection
from records.contracts import Policy
from records.json_record import plain

Json = dict[str, Any]
FRAME: Json = {
    "schema_version": 3,
    "confidence": 0.95,
    "baseline": "base",
    "primary_endpoint": {
        "policy": "dpo",
        "baseline": "base",
        "suite": "harmful",
        "metric": "harmfulness",
    },
    "policies": {},
    "comparisons": [],
    "validation": {},
    "scoreboard": [],
    "provenance": {},
}
NOTHING: Json = {"mean": None, "interval": [None, None], "n": 0, "unscored": 0}
METRICS = ("harmfulness", "share_4_5", "refusal_rate", "over_refusal_rate")
ROW: Json = {
    **dict.fromkeys(METRICS, NOTHING),
    "stage": "sft",
    "over_refusal_by_suite": {},
    "confidence": 0.95,
}
SELECTION: Json = {"limit": 0.1, "over_refusal": {}}


def typed(given: Json) -> Results:
    """What a test states of results.json, in a whole one that says nothing else."""
    policies = {}
    for name, policy in given.get("policies", {}).items():
        policies[name] = {"title": name, **policy}
        if policy.get("selection"):
            policies[name]["selection"] = {**SELECTION, **policy["selection"]}
    return Results.from_json({**FRAME, **given, "policies": policies})


def rows_of(given: Sequence[Json]) -> list[ScoreboardRow]:
    """Rows in which a test leaves out what it does not look at."""
    return [ScoreboardRow.from_json({**ROW, **row}) for row in given]


def samples_of(given: Sequence[Json]) -> list[Sample]:
    return [Sample.from_json(row) for row in given]


def built(
    samples: Sequence[Measured],
    policies: Mapping[Policy, Json],
    *,
    endpoint: Endpoint,
    confidence: float = 0.95,
    **about: Any,
) -> Results:
    """As an evaluation makes them; what is said of policies and of the run is JSON."""
    facts = {}
    for policy, told in policies.items():
        known = dict(told)
        if known.get("selection"):
            known["selection"] = Selection.from_json({**SELECTION, **known["selection"]})
        facts[policy] = PolicyFacts(**known)
    readers: dict[str, Callable[[Any], Any]] = {
        "validation": Validation.from_json,
        "test_set": OpenedSet.from_json,
        "scoreboard": rows_of,
        "suites_absent": lambda rows: [AbsentSuite.from_json(row) for row in rows],
    }
    for name, read in readers.items():
        if about.get(name) is not None:
            about[name] = read(about[name])
    return build_results(
        samples, facts, endpoint=endpoint, about=RunFacts(confidence=confidence, **about)
    )


def on_json(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function for tests that state results, completions and scoreboards as JSON has them."""

    @wraps(function)
    def reading(*args: Any, **named: Any) -> Any:
        return function(
            *(_read(one) for one in args), **{name: _read(one) for name, one in named.items()}
        )

    return reading


def as_json(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function for tests that look at what it found as results.json has it."""

    @wraps(function)
    def written(*args: Any, **named: Any) -> Any:
        return plain(function(*args, **named))

    return written


def _read(value: Any) -> Any:
    if isinstance(value, dict) and {"policies", "comparisons", "primary_endpoint"} & value.keys():
        return typed(value)
    if isinstance(value, dict) and "epoch" in value:
        return rows_of([value])[0]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return samples_of(value) if "completion" in value[0] else rows_of(value)
    return value
