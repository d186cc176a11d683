"""What rooms ask of each other: protocols that a higher room implements and a lower one, or the
pipeline, calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from records.harm_scale import Scale
from records.rows import Completion, Score


@dataclass(frozen=True)
class Policy:
    """A policy that a run compares: its base, or what a training leaves.

    Comparisons, report and releases follow these lines.
    """

    name: str
    """Of the stage that leaves it, which is its folder too."""
    title: str
    """How tables and figures call it."""
    starts_from: str | None = None
    """The policy that its training begins with; None for the base."""
    control_of: str | None = None
    """The policy that this one is trained as long as, on other terms, so that the lead of that one
    over this one can be seen."""
    round: int = 1


BASE = Policy("base", "base")
"""The model that a run begins with."""


class Scorer(Protocol):
    """Whatever says something of completions: the refusal rule, a classifier, the harm model, a
    judge, a jury, experts.
    """

    @property
    def name(self) -> str:
        """Stands in every score, in tables and in file names: lower case, digits and
        underscores.
        """

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion, in their order.

        A completion that cannot be scored is unscored with a reason, and never left out.

        The verdict on a completion does not depend on the others of the call.
        """


@runtime_checkable
class Scaled(Protocol):
    """A scorer that says on which scale its values are, HARMFULNESS or CHANCE.

    Of one that does not it is guessed, where values of 1 may be the least or the most.
    """

    @property
    def scale(self) -> Scale: ...
