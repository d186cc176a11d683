"""Which rows make up which optimiser step: one plan for every number of ranks and every token
budget.

A step's rows depend on seed, epoch and global batch size only. They are sorted by length and cut
into micro-batches of a limited number of tokens, about equally large ones, and every micro-batch
carries its weight, so that the step's gradient is that of the whole step however it was cut.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from records.errors import ConfigError

MicroBatch = tuple[list[int], float]
"""Rows by number, and the scale of their loss."""


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    lengths: Sequence[int]
    """Tokens that each row takes in a batch."""
    weights: Sequence[int]
    """What each row counts in the loss (tokens for SFT, 1 for a pair)."""
    padded: bool
    """Whether all rows of a micro-batch are as wide as its longest."""
    global_batch_size: int
    micro_batch_tokens: int
    world_size: int
    epochs: int
    seed: int
    units: Sequence[int] | None = None
    """Rows of one unit (completions to one prompt, which packed rows share) stand together wherever
    a step's size allows it; None: each alone."""

    def __post_init__(self) -> None:
        rows = len(self.lengths)
        # A rank without any row of a step would have nothing but passes that count nothing.
        if rows // self.steps_per_epoch < max(1, self.world_size):
            raise ConfigError(
                f"a step of {rows // self.steps_per_epoch} rows (of {rows}, global_batch_size "
                f"{self.global_batch_size}) is fewer than {self.world_size} rank(s); raise "
                "global_batch_size, give more training rows or use fewer ranks"
            )

    @cached_property
    def accumulation(self) -> int:
        """Micro-batches of a step on each rank: as few as keep every step of the run within the
        token budget.
        """
        # Over all epochs: Lightning takes one number for the whole training.
        steps = (
            self._by_length(step)
            for epoch in range(max(1, self.epochs))
            for step in self.steps(epoch)
        )
        return max(
            math.ceil(len(self._filled(rows, self.micro_batch_tokens)) / self.world_size)
            for rows in steps
        )

    @property
    def parts(self) -> int:
        """Micro-batches of a step, over all ranks."""
        return self.accumulation * self.world_size

    @property
    def steps_per_epoch(self) -> int:
        """Steps of almost equal size: no short last batch that would count as much as a whole
        one.
        """
        return max(1, math.ceil(len(self.lengths) / self.global_batch_size))

    def steps(self, epoch: int) -> list[list[int]]:
        """The rows of every step of an epoch; each row once."""
        together: dict[int, list[int]] = {}
        for row in range(len(self.lengths)):
            together.setdefault(self.units[row] if self.units else row, []).append(row)
        # Units are shuffled and not rows, so that completions of one prompt land in one step.
        order = list(together.values())
        # A generator of its own, made of seed and epoch: a resumed run has the same order without
        # drawing what came before.
        random.Random(f"{self.seed}/{epoch}").shuffle(order)
        return list(_dealt(list(chain.from_iterable(order)), self.steps_per_epoch))

    def micro_batches(self, epoch: int, rank: int) -> list[MicroBatch]:
        """Those of one rank, `accumulation` of them a step; ranks work on neighbours in length at
        the same time.
        """
        batches: list[MicroBatch] = []
        for parts in self.parts_of_steps(epoch):
            # Every `world_size`-th part: at each pass the ranks hold parts of about one length, and
            # none waits for a long one.
            batches += parts[rank :: self.world_size]
        return batches

    def parts_of_steps(self, epoch: int) -> list[list[MicroBatch]]:
        """The micro-batches of every step of an epoch, of all ranks, pass by pass.

        Lightning divides a micro-batch's loss by the accumulation and ranks average gradients; the
        scale undoes both, so that sum-of-losses * scale adds up to the weighted mean over the whole
        step. Where a step has fewer rows than parts, a part left over gets the shortest row with
        scale 0: every rank takes part in every pass, and nothing counts twice.
        """
        if epoch not in self._planned:
            # It is asked for at every step, and epochs come one after another: the last is kept.
            self._planned.clear()
            self._planned[epoch] = [self._cut(step) for step in self.steps(epoch)]
        return self._planned[epoch]

    def recut(self, parts: list[MicroBatch], lengths: Sequence[int], rank: int) -> list[MicroBatch]:
        """A rank's share of a step's parts for other rows of the same places, with `lengths` of
        their own: a part that is over the budget with them is divided. Every rank has as many.
        """
        by_rank: list[list[MicroBatch]] = []
        for k in range(self.world_size):
            by_rank.append([])
            for rows, scale in parts[k :: self.world_size]:
                runs = within_budget(rows, lengths, self.micro_batch_tokens, padded=self.padded)
                by_rank[-1] += [(run, scale) for run in runs]
        mine, passes = by_rank[rank], max(map(len, by_rank))
        # As in `parts_of_steps`: a pass too few is one that counts nothing.
        return mine + [(mine[0][0][:1], 0.0)] * (passes - len(mine))

    @cached_property
    def _planned(self) -> dict[int, list[list[MicroBatch]]]:
        return {}

    def _cut(self, step: list[int]) -> list[MicroBatch]:
        ordered = self._by_length(step)
        total = sum(self.weights[i] for i in step)
        return [
            (part, self.parts / total) if part else (ordered[:1], 0.0)
            for part in self._balanced(ordered)
        ]

    def _by_length(self, step: list[int]) -> list[int]:
        units = self.units
        if not units:
            return sorted(step, key=lambda i: (self.lengths[i], i))
        longest: dict[int, int] = {}
        for i in step:
            longest[units[i]] = max(longest.get(units[i], 0), self.lengths[i])
        # Units by their longest row, then whole: rows of a unit must stay neighbours.
        return sorted(step, key=lambda i: (longest[units[i]], units[i], self.lengths[i], i))

    def _filled(self, rows: Sequence[int], budget: int) -> list[list[int]]:
        """Consecutive runs of rows sorted by length, each as full as the budget allows and none
        empty.
        """
        return within_budget(rows, self.lengths, budget, padded=self.padded)

    def _balanced(self, rows: list[int]) -> list[list[int]]:
        """`parts` consecutive runs whose largest is as small as it can be; empty ones come last,
        and only where rows are too few.
        """
        # The smallest budget that is enough, by bisection: a larger one never needs more runs.
        low, high = 1, len(rows) * max(self.lengths[i] for i in rows)
        while low < high:
            middle = (low + high) // 2
            low, high = (
                (low, middle)
                if len(self._filled(rows, middle)) <= self.parts
                else (middle + 1, high)
            )
        runs = self._filled(rows, low)
        while len(runs) < min(self.parts, len(rows)):
            # Passes are the same number for every rank, so runs are halved until each has rows. A
            # run of one row cannot be.
            largest = max(
                range(len(runs)),
                key=lambda k: (len(runs[k]) > 1, sum(self.lengths[i] for i in runs[k])),
            )
            half = len(runs[largest]) // 2
            runs[largest : largest + 1] = [runs[largest][:half], runs[largest][half:]]
        return runs + [[] for _ in range(self.parts - len(runs))]


def within_budget(
    rows: Sequence[int], lengths: Sequence[int], budget: int, *, padded: bool
) -> list[list[int]]:
    """Consecutive runs of `rows` with at most `budget` tokens each; a row that is longer makes a
    run of its own.

    `padded` counts every row of a run as long as its longest.
    """
    runs: list[list[int]] = []
    taken = width = 0
    for row in rows:
        # Padded, a longer row widens those that the run has already.
        width = max(width, lengths[row])
        more = (len(runs[-1]) + 1) * width if runs and padded else taken + lengths[row]
        if runs and more <= budget:
            runs[-1].append(row)
            taken = more
        else:
            runs.append([row])
            taken = width = lengths[row]
    return runs


def _dealt(items: list[int], count: int) -> Iterator[list[int]]:
    """`count` consecutive runs whose sizes differ by one at most."""
    size, rest = divmod(len(items), count)
    start = 0
    for k in range(count):
        stop = start + size + (k < rest)
        yield items[start:stop]
        start = stop
