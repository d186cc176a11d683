"""What every rank found, on all of them; and whether weights are spread over ranks."""

from __future__ import annotations

from typing import Any, TypeVar

import torch

Key = TypeVar("Key")
Value = TypeVar("Value")


def is_sharded(model: Any) -> bool:
    """Whether ranks hold parts of the weights only (ZeRO-3): every forward pass is then one of all
    ranks.
    """
    # DeepSpeed gives `ds_id` to parameters that ZeRO-3 partitions. It is asked by attribute, so
    # that a run without DeepSpeed need not have it installed.
    return any(hasattr(parameter, "ds_id") for parameter in model.parameters())


def over_ranks(share: dict[Key, Value], world_size: int) -> dict[Key, Value]:
    """The ranks' dictionaries as one. All ranks must call it."""
    if world_size == 1:
        return share
    shares: list[Any] = [None] * world_size
    torch.distributed.all_gather_object(shares, share)
    found: dict[Key, Value] = {}
    for part in shares:
        for key, value in part.items():
            found[key] = value
    return found
