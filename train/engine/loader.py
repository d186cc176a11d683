"""Micro-batches of a plan, one after another, from where a checkpoint left off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from train.engine.batches import BatchPlan

AHEAD = 2
"""Micro-batches that are packed before they are wanted."""


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
        # Only the resumed epoch starts inside; the next one is whole.
        start, self.start = self.start, 0
        yield from batches[start:]


class PlanLoader(DataLoader):
    """A data loader that follows a plan and goes on in the middle of an epoch when it is resumed.

    `ahead`: a process packs the next micro-batches while a step computes, into pinned memory. For a
    GPU; on a CPU it would take a core.
    """

    def __init__(
        self,
        plan: BatchPlan,
        rank: int,
        collate: Callable[[list[int], float], Any],
        *,
        ahead: bool = False,
    ) -> None:
        self.plan, self.plan_sampler = plan, _PlanSampler(plan, rank)
        self.given = 0
        # A generator of its own: DataLoader draws a seed from torch's at every epoch, which a
        # resumed run would draw once more.
        worker: dict[str, Any] = (
            {"num_workers": 1, "prefetch_factor": AHEAD, "pin_memory": torch.cuda.is_available()}
            if ahead
            else {}
        )
        super().__init__(
            _Rows(collate),
            sampler=self.plan_sampler,
            # An item is a whole micro-batch already.
            batch_size=None,
            generator=torch.Generator(),
            **worker,
        )

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        # Before the sampler's iterator sets its start back to 0.
        self.given = self.plan_sampler.start
        for batch in super().__iter__():
            self.given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Whole steps of this epoch that were given out: the same for every number of ranks and
        every token budget.
        """
        # In steps, which are the same however they are cut. At an epoch's end it is 0 of the next.
        return {"steps": self.given // self.plan.accumulation % self.plan.steps_per_epoch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on behind the last step that counts."""
        self.plan_sampler.start = state["steps"] * self.plan.accumulation
