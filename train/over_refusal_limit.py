"""DPO with over-refusal held at a limit: the loss's weights follow what the scoreboard measures.

loss = mean over harm pairs + sum over benign suites s of lambda_s x mean over the over-refusal
pairs of s. A one-shot dual would give lambda 0: harm lives on harmful prompts and refusal on benign
ones, and the two meet only in the weights that they share. So lambda_s follows measurements:
lambda_s <- clip(lambda_s + rate x (rise_s - limit), 0, cap), with rise_s the over-refusal of s
above the base's, or the upper end of its interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from train.config import DpoConfig
from train.multipliers import Ascent, Multipliers

HARM = "harm"
"""The group of pairs on harmful prompts, which always weighs 1."""
ENTRY = "multipliers"
"""Where a scoreboard row holds the multipliers that hold from it on."""


Rises = Callable[[Mapping[str, Any]], Mapping[str, float | None]]


class OverRefusalLimit:
    """Weights of pair groups: `names` holds "harm" and then the benign suites, `sizes` their pairs.

    `rises` gives, of a scoreboard row, by how much over-refusal of each of the `held` suites
    exceeds the base's; another suite keeps its first weight, as nothing can be measured against it.
    """

    def __init__(
        self, sizes: Mapping[str, int], held: Collection[str], rises: Rises, config: DpoConfig
    ) -> None:
        if config.over_refusal_limit is None:
            raise ValueError("dpo.over_refusal_limit is null: there is no limit to hold")
        self.names = (HARM, *sorted(set(sizes) - {HARM}))
        self.sizes = [sizes.get(name, 0) for name in self.names]
        self.start = min(config.multipliers.start, config.multipliers.cap)
        self.rises = rises
        limits = {}
        for suite in self.names[1:]:
            if suite in held:
                limits[suite] = config.over_refusal_limit
        ascent = Ascent(rate=config.multipliers.rate, cap=config.multipliers.cap)
        self.multipliers = Multipliers(limits, ascent, start=config.multipliers.start)

    @property
    def values(self) -> dict[str, float]:
        """The multiplier of every suite."""
        found: dict[str, float] = {}
        for suite in self.names[1:]:
            found[suite] = self.multipliers.values.get(suite, self.start)
        return found

    def weights(self) -> Tensor:
        """(groups,) what each pair of a group counts in a mean over all pairs: multiplier x all
        pairs / pairs of the group.
        """
        total, values = sum(self.sizes), [1.0, *self.values.values()]
        pairs = zip(values, self.sizes, strict=True)
        return torch.tensor(
            [value * total / size if size else 0.0 for value, size in pairs], dtype=torch.float64
        )

    def entries(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What a new scoreboard row gets: the multipliers after it.

        A row that has them, from an earlier round, keeps them.
        """
        if ENTRY not in row:
            rises = self.rises(row)
            self.multipliers.update(
                {
                    suite: _number(rises[suite])
                    for suite in self.multipliers.limits
                    if suite in rises
                }
            )
        else:
            self.take(row)
        return {ENTRY: self.values}

    def take(self, row: Mapping[str, Any]) -> None:
        """Go on with the multipliers of a row that is measured already."""
        for suite in self.multipliers.limits:
            self.multipliers.values[suite] = row[ENTRY].get(suite, self.multipliers.values[suite])

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
