"""Every factor and the refusal of a completion, from one reading of it: what the embedder reads is
what costs time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from records.harm_scale import CHANCE
from records.rows import Completion, Score
from reward.factors.bundle import read_bundle
from reward.factors.model import FactorModel, Factors, shipped_model
from reward.factors.scorers import AllFactors
from reward.refusal.cascade import RefusalCascade


@dataclass(frozen=True)
class _Read:
    """Stands for the model that has read these completions."""

    found: list[Factors]

    def factors(self, completions: Sequence[Completion]) -> list[Factors]:
        return self.found


class FactorsAndRefusal:
    """The scorers that ship with Primum: harm under the plain name, `NAME/FACTOR`, and the cascade
    as `NAME/refusal`.

    Six scores a completion. `known` says by prompt id whether a request is harmful, where its suite
    says so.
    """

    scale = CHANCE

    def __init__(
        self,
        name: str,
        load: Callable[[], FactorModel] = shipped_model,
        known: Mapping[str, bool] | None = None,
    ) -> None:
        self.name, self.load, self.known = name, load, known

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """Scores of the harm factors and of the refusal cascade, from one reading."""
        # Both scorers ask a model for factors; this stand-in hands each of them the same list.
        read = cast(FactorModel, _Read(self.load().factors(completions, self.known)))
        refusals = RefusalCascade(f"{self.name}/refusal", lambda: read).score(completions)
        return AllFactors(self.name, lambda: read).scores(completions) + refusals


def fitted_on() -> tuple[str, ...]:
    """Names of the sets that the shipped heads were fitted on."""
    return tuple(read_bundle().facts["sources"])
