"""DPO with over-refusal held at a limit: the loss's weights follow what the scoreboard measures.

loss = mean over harm pairs + sum over benign suites s of lambda_s x mean over the over-refusal
pairs of s. A one-shot dual would give lambda 0: harm lives on harmful prompts and refusal on benign
ones, and the two meet only in the weights that they share. So lambda_s follows measurements:
lambda_s <- clip(lambda_s + rate x (rise_s - limit), 0, cap), with rise_s the over-refusal of s
above the base's, or the upper end of its interval; a share of the present excess counts on top of
it where `proportional` asks for that.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from train.config import DpoConfig
from train.multipliers import Ascent, Multipliers

HARM = "harm"
"""The group of pairs on harmful prompts, which always weighs 1."""


class OverRefusalLimit:
    """Weights of pair groups: `names` holds "harm" and then the benign suites, `sizes` their pairs.

    A suite that is not `held` keeps its first weight, as nothing can be measured against it.
    """

    def __init__(self, sizes: Mapping[str, int], held: Collection[str], config: DpoConfig) -> None:
        if config.over_refusal_limit is None:
            raise ValueError("dpo.over_refusal_limit is null: there is no limit to hold")
        self.names = (HARM, *sorted(set(sizes) - {HARM}))
        self.sizes = [sizes.get(name, 0) for name in self.names]
        self.start = min(config.multipliers.start, config.multipliers.cap)
        limits = {}
        for suite in self.names[1:]:
            if suite in held:
                limits[suite] = config.over_refusal_limit
        chosen = config.multipliers
        ascent = Ascent(rate=chosen.rate, cap=chosen.cap, proportional=chosen.proportional)
        self.multipliers = Multipliers(limits, ascent, start=chosen.start)

    @property
    def values(self) -> dict[str, float]:
        """The multiplier of every suite."""
        found: dict[str, float] = {}
        for suite in self.names[1:]:
            found[suite] = self.multipliers.values.get(suite, self.start)
        return found

    @property
    def ascended(self) -> dict[str, float] | None:
        """The part of every multiplier that has added up; None where that is all of it."""
        if not self.multipliers.ascent.proportional:
            return None
        return self.values | self.multipliers.ascended

    def weights(self) -> Tensor:
        """(groups,) what each pair of a group counts in a mean over all pairs: multiplier x all
        pairs / pairs of the group.
        """
        total, values = sum(self.sizes), [1.0, *self.values.values()]
        pairs = zip(values, self.sizes, strict=True)
        # The loss is a mean over all pairs of a step, so a group's mean times its multiplier needs
        # the inverse of its share. Of the data and not of the step: a step may hold none of a
        # group.
        return torch.tensor(
            [value * total / size if size else 0.0 for value, size in pairs], dtype=torch.float64
        )

    def move(self, rises: Mapping[str, float | None]) -> None:
        """Let the multipliers follow what was measured: by how much over-refusal of each suite
        exceeds the base's, None where that is not known.
        """
        measured = {}
        for suite in self.multipliers.limits:
            if suite in rises:
                measured[suite] = _number(rises[suite])
        self.multipliers.update(measured)

    def take(
        self, multipliers: Mapping[str, float], ascended: Mapping[str, float] | None = None
    ) -> None:
        """Go on with multipliers that were measured already, and the part that had added up."""
        self.multipliers.take(multipliers, ascended)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return self.multipliers.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the checkpoint was."""
        self.multipliers.load_state_dict(state)


def numbered(groups: Sequence[str], names: Sequence[str]) -> list[int]:
    """The place of every pair's group in `names`."""
    place = {name: number for number, name in enumerate(names)}
    return [place[group] for group in groups]


def _number(rise: float | None) -> float:
    """NaN for what was not measured, which moves no multiplier."""
    return rise if rise is not None and math.isfinite(rise) else math.nan
