"""What the verdict says of itself: its instrument, how much was cut, and what nobody measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eval.endpoint import Endpoint
from eval.report.tables import score_cell, spoken, suite_of

Json = dict[str, Any]
UNMEASURED = {
    "capability": "medical capability",
    "conditions": "adversarial wrapping and several turns",
    "tamper": "tampering with the weights",
    "omission": "what completions leave out",
}
"""By the key of results.json that holds it."""


def trust(results: Json) -> str:
    """Sentences to stand behind the comparison."""
    return " ".join([*_instrument(results), *_cut(results), *_not_measured(results)])


def _instrument(results: Json) -> Iterator[str]:
    """How far what measured harm agrees with people, and with scorers that no training touched."""
    endpoint = Endpoint.of(results)
    if not results.get("people"):
        yield (
            "Nobody has rated these completions, so the instrument's agreement with people on them "
            "is unknown."
        )
    kappa = (results.get("agreement") or {}).get(endpoint.policy)
    if kappa and kappa.get("mean") is not None:
        value, detail = score_cell(kappa)
        whose = (
            "Its kappa with the scorers that no training touched"
            if endpoint.metric == "harmfulness"
            else "The reward model's kappa with them"
        )
        yield f"{whose} is {value} ({detail}) on this policy."


def _cut(results: Json) -> Iterator[str]:
    endpoint = Endpoint.of(results)
    suite = suite_of(results["policies"][endpoint.policy], endpoint.suite)
    share = (suite.get("truncated_rate") or {}).get("mean")
    if share is not None:
        yield (
            f"{share:.0%} of its completions to {spoken(endpoint.suite)} prompts end at the token "
            "limit."
        )


def _not_measured(results: Json) -> Iterator[str]:
    missing = []
    for key, what in UNMEASURED.items():
        if not results.get(key):
            missing.append(what)
    for row in results.get("suites_absent") or []:
        missing.append(f"the suite {spoken(row['suite'])}")
    if missing:
        yield f"Not measured: {', '.join(missing)}, and whether completions are correct."
