"""What every rank found, on all of them."""

from __future__ import annotations

from typing import Any, TypeVar

import torch

Key = TypeVar("Key")
Value = TypeVar("Value")


def over_ranks(share: dict[Key, Value], world_size: int) -> dict[Key, Value]:
    """The ranks' dictionaries as one. All ranks must call it."""
    if world_size == 1:
        return share
    shares: list[Any] = [None] * world_size
    torch.distributed.all_gather_object(shares, share)
    return {key: value for part in shares for key, value in part.items()}
