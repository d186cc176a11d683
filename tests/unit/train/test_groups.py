"""Sums over groups of a batch's rows."""

from __future__ import annotations

import random

import torch
from torch.utils.data import default_convert

from train.groups import Groups, groups_of


def test_sums_are_those_of_a_mask_to_the_last_digit() -> None:
    draw = random.Random(0)
    for rows in range(1, 200, 7):
        numbers = [draw.randrange(3) for _ in range(rows)]
        values = torch.randn(rows, generator=torch.Generator().manual_seed(rows))
        masks = [torch.tensor(numbers) == group for group in range(3)]
        wanted = [(values[mask].sum().item(), int(mask.sum())) for mask in masks]
        found = groups_of(numbers, 3).sums(values.requires_grad_())
        assert [(total.item(), number) for total, number in found] == wanted
        assert not any(total.requires_grad for total, _ in found)


def test_a_group_without_rows_has_a_sum_of_none() -> None:
    (total, number), (nothing, none) = groups_of([0, 0], 2).sums(torch.tensor([1.0, 2.0]))
    assert [total.item(), number, nothing.item(), none] == [3.0, 2, 0.0, 0]


def test_groups_come_through_a_data_loader() -> None:
    groups = default_convert(groups_of([1, 0, 1], 2))
    assert isinstance(groups, Groups)
    assert [number for _, number in groups.sums(torch.ones(3))] == [1, 2]
