"""Attention in blocks against torch's own over the whole rectangle, and its gradients against
finite differences.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from present import present
from saved_shapes import saved_shapes

from models.layout import blocked_attention as module
from models.layout.blocked_attention import blocked_attention
from models.layout.packing import Packed, pack
from models.tokens import TokenRow

HEADS, KEY_HEADS, SIZE, VALUE_SIZE = 4, 2, 8, 6


def layout(prompts: list[int], completions: list[int]) -> Packed:
    """Every prompt with every completion behind a system prompt of 20 tokens; lengths in tokens."""
    generator = torch.Generator().manual_seed(len(prompts) + sum(completions))

    def ids(count: int) -> list[int]:
        return torch.randint(3, 1000, (count,), generator=generator).tolist()

    system, rows = ids(20), []
    for length in prompts:
        prompt = [*system, *ids(length)]
        rows += [
            TokenRow(
                [*prompt, *(answer := ids(count))], [0] * len(prompt) + [1] * len(answer), False
            )
            for count in completions
        ]
    return pack(rows)


def drawn(packed: Packed, dtype: torch.dtype) -> list[torch.Tensor]:
    torch.manual_seed(0)
    tokens = packed.input_ids.shape[1]
    shapes = [(HEADS, SIZE), (KEY_HEADS, SIZE), (KEY_HEADS, VALUE_SIZE)]
    # As models hand them over: a token's heads side by side in memory.
    return [
        torch.randn(1, tokens, heads, size, dtype=dtype).transpose(1, 2).requires_grad_()
        for heads, size in shapes
    ]


def whole_rectangle(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packed: Packed, scale: float
) -> torch.Tensor:
    places = torch.arange(len(packed.subtree_end))
    visible = (places <= places[:, None]) & (places[:, None] < packed.subtree_end)
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=visible, scale=scale, enable_gqa=True
    )


def with_gradients(
    attend: Callable[..., torch.Tensor],
    inputs: list[torch.Tensor],
    packed: Packed,
) -> list[torch.Tensor]:
    out = attend(*inputs, packed, 0.3)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return [out.detach(), *torch.autograd.grad((out * weights).sum(), inputs)]


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.lists(st.integers(1, 90), min_size=1, max_size=3),
    st.sampled_from([8, 64, 256, 4096]),
)
@settings(max_examples=60, deadline=None)
def test_blocks_give_what_the_whole_rectangle_gives(
    prompts: list[int], completions: list[int], block_bytes: int
) -> None:
    packed = layout(prompts, completions)
    inputs = drawn(packed, torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", block_bytes)
        module._blocks.cache_clear()
        got = with_gradients(blocked_attention, inputs, packed)
    for ours, theirs in zip(got, with_gradients(whole_rectangle, inputs, packed), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_gradients_are_those_of_finite_differences() -> None:
    packed = layout([3, 5], [9, 12])
    # Three blocks, one of them cut short.
    assert packed.input_ids.shape[1] > 2 * module.BLOCK_BYTES // 8
    assert torch.autograd.gradcheck(
        lambda query, key, value: blocked_attention(query, key, value, packed, 0.3),
        drawn(packed, torch.float64),
        fast_mode=True,
    )


def test_a_single_row_needs_no_copy_of_its_keys() -> None:
    blocks = module._blocks(layout([300], [40]).subtree_end, torch.float32)
    assert [block.keys for block in blocks] == [slice(0, block.end) for block in blocks]


def test_a_branch_does_not_look_at_the_branch_before_it() -> None:
    packed = layout([60], [70, 70])  # 80 shared tokens, then twice 70
    blocks = module._blocks(packed.subtree_end, torch.float32)
    last = blocks[-1]  # from place 192 on: all of it in the second branch, which begins at 150
    assert (last.start, last.end) == (192, 220)
    assert isinstance(last.keys, torch.Tensor)
    assert last.keys.tolist() == [*range(80), *range(150, 220)]


def test_half_precision_is_close_to_what_it_rounds() -> None:
    packed = layout([10, 20], [50, 70])
    inputs = drawn(packed, torch.bfloat16)
    exact = with_gradients(
        whole_rectangle, [x.detach().double().requires_grad_() for x in inputs], packed
    )
    for ours, wanted in zip(with_gradients(blocked_attention, inputs, packed), exact, strict=True):
        assert ours.dtype == torch.bfloat16
        assert (ours.double() - wanted).norm() < 0.01 * wanted.norm()


def test_what_many_rows_send_back_is_added_up_in_float32() -> None:
    """300 rows behind one token: bfloat16 would stop counting at 256."""
    packed = pack([TokenRow([7, 10 + number], [0, 1], False) for number in range(300)])
    query, key, value = (
        torch.zeros(1, 1, 301, 1, dtype=torch.bfloat16, requires_grad=True) for _ in range(3)
    )
    blocked_attention(query, key, value, packed, 1.0).sum().backward()
    # Each row halves its look between the shared token and itself.
    assert present(value.grad)[0, 0, 0, 0] == 1 + 300 / 2


def test_what_is_kept_for_the_backward_pass_grows_with_the_row_not_its_square() -> None:
    kept = []
    for length in (200, 400):
        packed = layout([length], [20])
        query, key, value = drawn(packed, torch.float32)
        with saved_shapes() as shapes:
            blocked_attention(query, key, value, packed, 0.3)
        kept.append(sum(shape.numel() for shape in shapes) / packed.input_ids.shape[1])
    assert kept[0] == kept[1] == HEADS * SIZE + KEY_HEADS * (SIZE + VALUE_SIZE)
