"""Paired comparisons of two policies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from eval.endpoint import Endpoint
from measures.estimate import Comparison
from measures.stored import Ends
from records.json_record import INLINE, JsonRecord

Side = TypeVar("Side")


@dataclass(frozen=True, kw_only=True)
class Change(JsonRecord):
    """What changed of a metric on a suite, from the baseline to the policy."""

    about: Annotated[Endpoint, INLINE]
    found: Annotated[Comparison, INLINE]

    @property
    def policy(self) -> str:
        """Whose change it is."""
        return self.about.policy

    @property
    def baseline(self) -> str:
        """What it is held against."""
        return self.about.baseline

    @property
    def suite(self) -> str:
        """Both were measured on it."""
        return self.about.suite

    @property
    def metric(self) -> str:
        """What was compared."""
        return self.about.metric

    @property
    def difference(self) -> float | None:
        """`policy` minus `baseline`."""
        return self.found.difference

    @property
    def interval(self) -> Ends:
        """Of the difference."""
        return self.found.interval

    @property
    def n(self) -> int:
        """Pairs scored on both sides."""
        return self.found.n

    @property
    def unscored(self) -> int:
        """Pairs that are left out."""
        return self.found.unscored


@dataclass(frozen=True, kw_only=True)
class PolicyChange(JsonRecord):
    """What changed of the one thing that a finding is about."""

    policy: str
    baseline: str
    found: Annotated[Comparison, INLINE]


def changes_from(baseline: str, rows: Iterable[PolicyChange]) -> dict[str, Comparison]:
    """By policy, the changes against one baseline."""
    found = {}
    for row in rows:
        if row.baseline == baseline:
            found[row.policy] = row.found
    return found


def changes_of(
    measured: Mapping[str, Side],
    against: Sequence[tuple[str, str]],
    compared: Callable[[Side, Side], Comparison],
) -> tuple[PolicyChange, ...]:
    """Of each (policy, baseline) that was measured, `compared(before, after)`."""
    found = []
    for policy, baseline in against:
        # A policy that was not measured on this suite has no change there; it is no fault.
        if policy in measured and baseline in measured:
            change = compared(measured[baseline], measured[policy])
            found.append(PolicyChange(policy=policy, baseline=baseline, found=change))
    return tuple(found)
