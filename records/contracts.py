"""What rooms ask of each other: protocols that a higher room implements and a lower one, or the pipeline, calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from records.rows import Completion, Score


class Scorer(Protocol):
    """Whatever says something of completions: the refusal rule, a classifier, the harm model, a judge, a jury, experts."""

    @property
    def name(self) -> str:
        """Stands in every score, in tables and in file names: lower case, digits and underscores."""

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion, in their order. A completion that cannot be scored is unscored with a reason, and never left out.

        The verdict on a completion does not depend on the others of the call.
        """
