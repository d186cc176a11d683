"""Which rows make up which optimiser step: one plan for every number of ranks and every micro-batch size.

A step's rows depend on seed, epoch and global batch size only. They are dealt to ranks and micro-batches by length, and every
micro-batch carries its weight, so that the step's gradient is that of the whole step however it was cut.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler

from data_prep.errors import ConfigError


@dataclass(frozen=True)
class BatchPlan:
    """`lengths[i]` orders rows by cost; `weights[i]` is what row i counts in the loss (tokens for SFT, 1 for a pair)."""

    lengths: Sequence[int]
    weights: Sequence[int]
    global_batch_size: int
    micro_batch_size: int
    world_size: int
    seed: int

    def __post_init__(self) -> None:
        rows = len(self.lengths)
        if rows // self.steps_per_epoch < max(1, self.world_size):
            raise ConfigError(
                f"a step of {rows // self.steps_per_epoch} rows (of {rows}, global_batch_size {self.global_batch_size}) is fewer than "
                f"{self.world_size} rank(s); raise global_batch_size, give more training rows or use fewer ranks"
            )

    @property
    def accumulation(self) -> int:
        """Micro-batches of a step on each rank."""
        largest_step = math.ceil(len(self.lengths) / self.steps_per_epoch)
        return max(1, math.ceil(largest_step / (self.micro_batch_size * self.world_size)))

    @property
    def parts(self) -> int:
        return self.accumulation * self.world_size

    @property
    def steps_per_epoch(self) -> int:
        """Steps of almost equal size: no short last batch that would count as much as a whole one."""
        return max(1, math.ceil(len(self.lengths) / self.global_batch_size))

    def steps(self, epoch: int) -> list[list[int]]:
        """The rows of every step of an epoch; each row once."""
        order = list(range(len(self.lengths)))
        random.Random(f"{self.seed}/{epoch}").shuffle(order)
        return [part for part in _deal(order, self.steps_per_epoch)]

    def micro_batches(self, epoch: int, rank: int) -> list[tuple[list[int], float]]:
        """(rows, loss scale) for one rank, `accumulation` of them a step.

        Lightning divides a micro-batch's loss by the accumulation and ranks average gradients; the scale undoes both, so that
        sum-of-losses * scale adds up to the weighted mean over the whole step. Where a step has fewer rows than parts, a part
        left over gets the shortest row with scale 0: every rank takes part in every pass, and nothing counts twice.
        """
        batches = []
        for step in self.steps(epoch):
            ordered = sorted(step, key=lambda i: (self.lengths[i], i))
            total = sum(self.weights[i] for i in step)
            parts = [part for part in _deal(ordered, self.parts)]
            mine = [parts[k] for k in range(rank, self.parts, self.world_size)]
            batches += [(part, self.parts / total) if part else (ordered[:1], 0.0) for part in mine]
        return batches


def _deal(items: list[int], count: int) -> Iterator[list[int]]:
    """`count` consecutive runs whose sizes differ by one at most."""
    size, rest = divmod(len(items), count)
    start = 0
    for k in range(count):
        stop = start + size + (k < rest)
        yield items[start:stop]
        start = stop


class _Rows(Dataset):
    """Micro-batches as items, so that the loader's sampler decides which."""

    def __init__(self, collate: Callable[[list[int], float], Any]) -> None:
        self.collate = collate

    def __getitem__(self, item: tuple[list[int], float]) -> Any:
        return self.collate(*item)


class _PlanSampler(Sampler):
    def __init__(self, plan: BatchPlan, rank: int) -> None:
        self.plan, self.rank, self.epoch, self.start = plan, rank, 0, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.plan.steps_per_epoch * self.plan.accumulation

    def __iter__(self) -> Iterator[tuple[list[int], float]]:
        batches = self.plan.micro_batches(self.epoch, self.rank)
        start, self.start = self.start, 0
        yield from batches[start:]


class PlanLoader(DataLoader):
    """A data loader that follows a plan and goes on in the middle of an epoch when it is resumed."""

    def __init__(self, plan: BatchPlan, rank: int, collate: Callable[[list[int], float], Any]) -> None:
        self.plan_sampler = _PlanSampler(plan, rank)
        self.given = 0
        super().__init__(_Rows(collate), sampler=self.plan_sampler, batch_size=None)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.given = self.plan_sampler.start
        for batch in super().__iter__():
            self.given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        return {"given": self.given % max(1, len(self.plan_sampler))}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.plan_sampler.start = state["given"]
