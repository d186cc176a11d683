"""Sums over groups of a batch's rows that nothing waits for.

B = rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Groups(NamedTuple):
    """The rows of a batch by group. `sizes` is known on the host: a mask on a GPU would have to be
    waited for, to know how many rows it chooses.
    """

    order: Tensor  # (B,) rows by group; those of one group as they stand in the batch
    sizes: Sequence[int]  # rows of each group

    def sums(self, values: Tensor) -> list[tuple[Tensor, int]]:
        """(sum, number) of each group's values, of (B,) values; without gradient."""
        parts = values.detach()[self.order].split(list(self.sizes))
        return [(part.sum(), len(part)) for part in parts]


def groups_of(numbers: Sequence[int], count: int) -> Groups:
    """Of each row's group, counted from 0; `count` groups."""
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    sizes = [0] * count
    for number in numbers:
        sizes[number] += 1
    return Groups(torch.tensor(order, dtype=torch.long), sizes)
