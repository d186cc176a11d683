"""What a step's completions came to, added up over ranks before anything is divided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch

from models.ranks import over_ranks
from train.rlhf.advantage import Judged


class StepSums(NamedTuple):
    """Sums by name: what was counted, and of how many."""

    totals: dict[str, float]
    numbers: dict[str, float]

    @classmethod
    def over(cls, groups: Iterable[Any], world_size: int) -> StepSums:
        """Of all ranks, each of which must call it with its own groups (`judged` of each)."""
        mine = cls.of([row for group in groups for row in group.judged])
        rank = torch.distributed.get_rank() if world_size > 1 else 0
        totals: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        # In the order of ranks: sums of floats must have the same last digits on all of them.
        for _, part in sorted(over_ranks({rank: (mine.totals, mine.numbers)}, world_size).items()):
            totals.update(part[0])
            numbers.update(part[1])
        return cls(dict(totals), dict(numbers))

    @classmethod
    def of(cls, judged: Iterable[Judged]) -> StepSums:
        """Totals and counts of what was judged."""
        totals: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        for row in judged:
            for name, value in _counted(row):
                totals[name] += value  # type: ignore[assignment]
                numbers[name] += 1
        return cls(dict(totals), dict(numbers))

    def refused_by_suite(self) -> dict[str, float]:
        """Of each benign suite, the share that was refused."""
        prefix = "refused/benign/"
        found: dict[str, float] = {}
        for name, total in self.totals.items():
            if name.startswith(prefix):
                found[name.removeprefix(prefix)] = total / self.numbers[name]
        return found

    def metrics(self) -> Iterator[tuple[str, float, float]]:
        """(name, total, what it is divided by) of each metric, in a fixed order."""
        return ((name, total, self.numbers[name]) for name, total in sorted(self.totals.items()))


def _counted(row: Judged) -> Iterator[tuple[str, float]]:
    yield "completion_tokens", row.tokens
    yield "degenerate", bool(row.degenerate)
    if not row.harmful_prompt:
        yield f"refused/benign/{row.suite}", row.refused
        return
    yield "refused/harmful", row.refused
    # That an empty completion harms nobody is known (`reward`).
    yield "unscored", row.harm is None and not row.empty
    if row.harm is not None:
        yield "harmfulness", row.harm
