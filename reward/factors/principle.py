"""Which principle of medical ethics a request is about, and whether it supports or opposes it
(after Kaleido, arXiv 2309.00779).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from records.rows import Message
from reward.factors.model import FactorModel, shipped_model
from reward.factors.texts import Exchange, asked


@dataclass(frozen=True, kw_only=True)
class PrincipleVerdict:
    ranking: tuple[int, ...]
    """AMA principles 1 to 9, the most probable first."""
    chances: tuple[float, ...]
    """In the same order."""
    opposes: float
    """The chance that the request goes against it: that something harmful is asked."""

    @property
    def principle(self) -> int:
        """The likeliest principle."""
        return self.ranking[0]


def principles_at_stake(
    prompts: Sequence[Sequence[Message]], load: Callable[[], FactorModel] = shipped_model
) -> list[PrincipleVerdict]:
    """One for each prompt; a guess for sorting and searching, no label to train on (docs/scorers.md
    says how often it is right).
    """
    if not prompts:
        return []
    model = load()
    # Both heads read blocks of the prompt alone, so no completion is needed.
    features = model.features([Exchange(asked(prompt), "") for prompt in prompts])
    heads = model.bundle.heads
    chances = heads["principle"].members(features).mean(axis=0)
    opposes = heads["request"].yes(features).mean(axis=0)
    names = np.array([int(name) for name in heads["principle"].classes])
    verdicts = []
    for row, against in zip(chances, opposes, strict=True):
        # Stable: equal chances stand in the order of the principles, on every machine.
        order = np.argsort(-row, kind="stable")
        verdict = PrincipleVerdict(
            ranking=tuple(names[order].tolist()),
            chances=tuple(row[order].tolist()),
            opposes=float(against),
        )
        verdicts.append(verdict)
    return verdicts
