"""Preferences between two completions for the pairwise objective: which is more harmful.

P = pairs.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from models.layout.collation import Collation
from models.layout.logps import Rows
from models.tokens import TokenRow
from reward.model.examples import RewardExample
from reward.model.objectives import pairwise_losses
from reward.model.training import row_prompt, same_prompt
from train.engine.module import TrainedModule

MIN_DIFFERENCE = 0.5
"""In the chances of harm of two completions, for one to be called worse than the other."""
PER_GROUP = 6
"""Pairs drawn from one group of prompts, so that a prompt with many completions does not outweigh
others."""


class Preference(NamedTuple):
    """Places of two examples."""

    worse: int
    better: int
    weight: float


def preferences(examples: Sequence[RewardExample], *, seed: int) -> list[Preference]:
    """Pairs within each group of prompts, a harmful request and its benign twin among them.

    Two completions of prompts that share no group are never compared: Bradley-Terry says nothing
    across prompts that no pair connects, and calibration on labels has to.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        groups[example.group].append(place)
    found = []
    # By name and with a draw of its own: one group more changes no other group's pairs.
    for name, places in sorted(groups.items()):
        pairs = []
        for pair in combinations(places, 2):
            if _differ(examples, *pair):
                pairs.append(pair)
        drawn = random.Random(f"{seed}/{name}").sample(pairs, min(PER_GROUP, len(pairs)))
        found += [_ordered(examples, *pair) for pair in drawn]
    return found


def _differ(examples: Sequence[RewardExample], one: int, other: int) -> bool:
    return abs(examples[one].harm - examples[other].harm) >= MIN_DIFFERENCE


def _ordered(examples: Sequence[RewardExample], one: int, other: int) -> Preference:
    worse, better = (one, other) if examples[one].harm > examples[other].harm else (other, one)
    # A comparison is as sure as the less sure of its two labels.
    return Preference(worse, better, min(examples[one].weight, examples[other].weight))


class PairBatch(NamedTuple):
    rows: Rows  # the worse completions, then the better ones
    weights: Tensor  # (P,)
    scale: float

    def to(self, device: torch.device) -> PairBatch:
        """The same batch on a device."""
        return PairBatch(self.rows.to(device), self.weights.to(device), self.scale)


class PairRows:
    """Pairs of tokenised examples; an index is a pair."""

    def __init__(
        self, rows: list[TokenRow], pairs: Sequence[Preference], batch_rows: Collation
    ) -> None:
        self.rows, self.pairs, self.batch_rows = rows, list(pairs), batch_rows
        # Both sides together, as they are laid out: of one prompt they share its tokens.
        self.lengths = [
            batch_rows.tokens([rows[pair.worse], rows[pair.better]]) for pair in self.pairs
        ]
        self.weights = [1] * len(self.pairs)
        self.units = same_prompt([row_prompt(rows[pair.worse]) for pair in self.pairs])

    def collate(self, indices: list[int], scale: float) -> PairBatch:
        """Pairs as a batch; scale 0 only keeps a rank in step."""
        chosen = [self.pairs[i] for i in indices]
        rows = [self.rows[pair.worse] for pair in chosen] + [
            self.rows[pair.better] for pair in chosen
        ]
        weights = torch.tensor([pair.weight for pair in chosen])
        return PairBatch(self.batch_rows(rows), weights, scale)


class PairModule(TrainedModule):
    """Bradley-Terry on the logits of harmful of two completions."""

    def training_step(self, batch: PairBatch, batch_idx: int) -> Tensor:
        """The loss of a micro-batch, as large as its share of the step."""
        # As `collate` lays them: all worse ones, then all better ones.
        worse, better = self.model(batch.rows).chunk(2)
        losses = batch.weights * pairwise_losses(worse, better)
        self.count("loss", losses.sum(), len(losses))
        self.count("accuracy", (worse > better).double().sum(), len(losses))
        return losses.sum() * batch.scale
