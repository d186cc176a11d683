"""The block mask of a packed row against the one that FlexAttention finds from all T x T pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask
from torch.utils._python_dispatch import TorchDispatchMode

from models.layout.mask_blocks import BLOCK, LEAST, block_mask, mask_blocks, sees
from models.layout.packing import Packed, pack
from models.tokens import TokenRow


def packed_rows(count: int, length: int, shared: int) -> Packed:
    generator = torch.Generator().manual_seed(count * length)
    start = list(range(3, 3 + shared))
    tails = [
        torch.randint(9_000, 99_000, (length - shared,), generator=generator).tolist()
        for _ in range(count)
    ]
    return pack(
        [TokenRow([*start, *tail], [0] * shared + [1] * len(tail), False) for tail in tails]
    )


def listed(counts: torch.Tensor, indices: torch.Tensor) -> list[list[int]]:
    """The blocks that a mask names, row by row; what stands behind them is not read."""
    return [
        sorted(row[:number].tolist())
        for number, row in zip(counts[0, 0], indices[0, 0], strict=True)
    ]


@pytest.mark.parametrize(
    ("count", "length", "shared"),
    [(1, 40, 9), (1, 128, 9), (2, 100, 60), (3, 128, 0), (9, 200, 130), (4, 500, 300)],
)
def test_blocks_from_intervals_are_those_of_the_dense_mask(
    count: int, length: int, shared: int
) -> None:
    packed = packed_rows(count, length, shared)
    ends, tokens = packed.subtree_end, packed.input_ids.shape[1]
    wanted = create_block_mask(
        lambda b, h, q, k: sees(q, k, ends), None, None, tokens, tokens, device="cpu"
    )
    got = block_mask(packed.blocks, ends)
    assert got.seq_lengths == wanted.seq_lengths
    for kind in ("kv", "full_kv", "q", "full_q"):
        names = f"{kind}_num_blocks", f"{kind}_indices"
        found, dense = (listed(*(getattr(mask, name) for name in names)) for mask in (got, wanted))
        assert found[: len(dense)] == dense, kind
        assert found[len(dense) :] == [[]] * (len(found) - len(dense)), kind
    assert len(packed.blocks) == max(LEAST, -(-tokens // BLOCK))


class Largest(TorchDispatchMode):
    """Numbers of the largest tensor that is made."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.numel = max(
            [
                self.numel,
                *(
                    x.numel()
                    for x in torch.utils._pytree.tree_leaves(out)
                    if isinstance(x, torch.Tensor)
                ),
            ]
        )
        return out


def test_no_tensor_of_tokens_by_tokens_is_made() -> None:
    tokens = 8192
    ends = torch.arange(1, tokens + 1).clamp(min=4000)
    with Largest() as made:
        block_mask(mask_blocks(ends), ends)
    assert made.numel <= 2 * tokens
