"""What an evaluation found: the one record that gate, report, card, exports and terminal read.

docs/results.md is its reference; `to_json` is results.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from eval.endpoint import MEASUREMENT, Endpoint
from eval.results.capability import Capability
from eval.results.change import Change
from eval.results.choices import Choices
from eval.results.conditions import AttackSuccess
from eval.results.declines import SuiteDeclines
from eval.results.described import AbsentSuite, SuiteFacts
from eval.results.dual import DualOfLabels, DualOfOpenings
from eval.results.error_rates import ErrorRates
from eval.results.judged import JudgeResult
from eval.results.must_haves import SuiteMustHaves
from eval.results.omission import SuiteOmissions
from eval.results.opened import OpenedSet
from eval.results.people import People
from eval.results.policy_result import PolicyResult
from eval.results.scoreboard_row import ScoreboardRow
from eval.results.suite_result import SuiteResult
from eval.results.tamper import Tamper
from eval.results.twin_gap import SuiteTwins
from eval.results.useless import UselessResult
from eval.results.validation import Validation
from measures.estimate import Estimate
from records.json_record import ABSENT, Absent, JsonRecord, Key
from records.rows import Kind


def _is_measurement(results: Results) -> bool:
    """Made without a run, which has no release gate and tampers with nothing."""
    return results.kind == MEASUREMENT


@dataclass(frozen=True, kw_only=True)
class CutOff(JsonRecord):
    """Where more than `threshold` of the completions ended at the token limit."""

    threshold: float
    policies: Mapping[str, Mapping[str, float]]
    """By policy and suite, the share."""


@dataclass(frozen=True, kw_only=True)
class Results(JsonRecord):
    """Every policy on every suite, and what changed against the baseline."""

    schema_version: int
    kind: Annotated[str | None, ABSENT] = None
    """`measurement` where `primum measure` made them, without a run."""
    created: str = ""
    """When, ISO 8601 in UTC."""
    confidence: float
    """Level of every interval."""
    baseline: str
    """The policy that changes are measured from."""
    endpoint: Annotated[Endpoint, Key("primary_endpoint")]
    policies: Mapping[str, PolicyResult]
    comparisons: tuple[Change, ...]
    twin_gap: Mapping[str, SuiteTwins] = field(default_factory=dict)
    declines: Mapping[str, SuiteDeclines] = field(default_factory=dict)
    must_haves: Mapping[str, SuiteMustHaves] = field(default_factory=dict)
    omission: Mapping[str, SuiteOmissions] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, Choices]] = field(default_factory=dict)
    dual: Mapping[str, Mapping[str, DualOfLabels | DualOfOpenings]] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, AttackSuccess]] = field(default_factory=dict)
    useless: Mapping[str, UselessResult] = field(default_factory=dict)
    suites_absent: tuple[AbsentSuite, ...] = ()
    test_set: OpenedSet | None = None
    agreement: Mapping[str, Estimate | None] = field(default_factory=dict)
    """Kappa of the reward model and the scorers that no training touched, by policy."""
    rank_agreement: Mapping[str, Estimate | None] = field(default_factory=dict)
    """Rank correlation of the two."""
    validation: Validation
    scoreboard: tuple[ScoreboardRow, ...]
    provenance: Mapping[str, Any]
    """Versions, hashes, machine and settings, shown as they are: whoever runs says what it used."""
    cut_off: CutOff | None = None
    verdict: str | None = None
    """The report's first sentences."""
    capability: Capability | None = None
    tamper: Annotated[Tamper | None, Absent(_is_measurement)] = None
    suites_described: Mapping[str, SuiteFacts] = field(default_factory=dict)
    people: People | None = None
    judges: Annotated[Mapping[str, JudgeResult] | None, ABSENT] = None
    """By judges, guard models, juries and experts that the user named; none where none was."""
    gate_error_rates: Annotated[tuple[ErrorRates, ...] | None, ABSENT] = None

    def suite_names(self, kind: Kind) -> list[str]:
        """Names of the suites of a kind that any policy was measured on, in their order."""
        names = []
        for policy in self.policies.values():
            for name, suite in policy.suites.items():
                if suite.kind == kind:
                    names.append(name)
        # Of any policy: one that lacks a suite must not hide it from a table of the others.
        return list(dict.fromkeys(names))

    def suite(self, policy: str, name: str) -> SuiteResult | None:
        """None where the policy is not known or was not measured on it."""
        known = self.policies.get(policy)
        return known.suite(name) if known else None

    def metric(self, policy: str, suite: str, metric: str) -> Estimate | None:
        """None where it was not measured."""
        found = self.suite(policy, suite)
        return found.metric(metric) if found else None

    def harm_metrics(self, suite: str, *, of_principles: bool = False) -> list[str]:
        """What any policy's harm was measured by on a suite, or on its principles, the headline
        first: `harm_chance` (by scorers that no training touched) and `harmfulness` (by the run's
        own reward model).
        """
        measured = [
            policy.suites[suite] for policy in self.policies.values() if suite in policy.suites
        ]
        known = []
        # In this order: callers take the first as the headline, which must be the independent one.
        for metric in ("harm_chance", "harmfulness"):
            found: list[Estimate | None] = []
            for one in measured:
                numbers = one.by_principle if of_principles else ()
                found += [one.harm_of_principle(metric, int(number)) for number in numbers]
                found += [] if of_principles else [one.metric(metric)]
            # An estimate without a mean was asked and scored nothing; it can be no headline.
            if any(one is not None and one.mean is not None for one in found):
                known.append(metric)
        return known

    def change(self, wanted: Endpoint) -> Change | None:
        """The paired comparison of this name; None where it was not made."""
        # By all four of its parts: the same policy is compared with several baselines.
        return next((row for row in self.comparisons if row.about == wanted), None)

    def title(self, policy: str) -> str:
        """What a policy is called in front of readers; its name where it is not known."""
        known = self.policies.get(policy)
        return known.title if known else policy

    def token_limit(self) -> int | None:
        """How long a completion may be, as far as provenance says it."""
        # A measurement of a file knows its engine alone: nothing was generated here.
        generation = self.provenance.get("generation") or {}
        limit: int | None = generation.get("max_new_tokens")
        return limit
