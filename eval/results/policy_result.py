"""A policy of the evaluation: where it comes from, and what it came to on every suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from eval.results.suite_result import SuiteResult
from eval.selection import Selection
from records.json_record import ABSENT, Absent, JsonRecord


def _is_no_model(policy: PolicyResult) -> bool:
    """A model's revision is stated, if only as null; nothing else has one."""
    return policy.kind != "model"


@dataclass(frozen=True, kw_only=True)
class PolicyResult(JsonRecord):
    """By name in `Results.policies`."""

    title: str
    starts_from: str | None = None
    """The policy that its training began with."""
    control_of: str | None = None
    """The policy that it is a control of."""
    round: int = 1
    path: str = ""
    kind: Annotated[str | None, ABSENT] = None
    """Of a measurement without a run: model, server or file."""
    server: Annotated[str | None, ABSENT] = None
    revision: Annotated[str | None, Absent(_is_no_model)] = None
    optimiser_steps: Annotated[int | None, ABSENT] = None
    """From the base on."""
    selection: Annotated[Selection | None, ABSENT] = None
    """Which epoch was kept, and why; the base has none."""
    suites: Mapping[str, SuiteResult] = field(default_factory=dict)

    def suite(self, name: str) -> SuiteResult | None:
        """None where the policy was not measured on it."""
        return self.suites.get(name)
