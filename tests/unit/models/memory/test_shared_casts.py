"""Linear layers that read one tensor read one cast of it, and nothing stale."""

from __future__ import annotations

import weakref

import pytest
import torch
from present import present

from models.memory.shared_casts import share_casts, shared_cast

BF16 = torch.autocast("cpu", torch.bfloat16)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(4, 8, requires_grad=True) * 1.0


def test_all_who_ask_get_the_same_tensor(x: torch.Tensor) -> None:
    with BF16:
        first, again = shared_cast(x), shared_cast(x)
    assert first is again
    assert torch.equal(first, x.bfloat16())


def test_a_tensor_changed_in_place_is_cast_again(x: torch.Tensor) -> None:
    with BF16:
        stale = shared_cast(x)
        x.add_(1)
        assert shared_cast(x) is not stale
        assert torch.equal(shared_cast(x), x.bfloat16())


def test_another_type_of_autocast_is_another_cast(x: torch.Tensor) -> None:
    with BF16:
        shared_cast(x)
    with torch.autocast("cpu", torch.float16):
        assert torch.equal(shared_cast(x), x.half())


def test_nothing_is_remembered_where_nothing_is_kept(x: torch.Tensor) -> None:
    with BF16, torch.no_grad():
        assert torch.equal(shared_cast(x), x.bfloat16())
    with BF16:
        assert shared_cast(x).requires_grad


@pytest.mark.parametrize("leaf", [False, True])
def test_a_cast_goes_with_what_it_was_made_of(leaf: bool) -> None:
    x = torch.randn(4, 8, requires_grad=True)
    x = x if leaf else x * 1.0
    with BF16:
        cast = weakref.ref(shared_cast(x))
        gone = weakref.ref(x)
    del x
    assert cast() is None
    assert gone() is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int64])
def test_what_autocast_leaves_alone_is_left_alone(dtype: torch.dtype) -> None:
    values = torch.ones(2, dtype=dtype)
    with BF16:
        assert shared_cast(values) is values
    assert shared_cast(values) is values


@pytest.mark.parametrize("bias", [True, False])
def test_layers_give_the_bits_of_autocast_and_nearly_its_gradient(
    bias: bool, x: torch.Tensor
) -> None:
    layers = torch.nn.ModuleList(torch.nn.Linear(8, 6, bias=bias) for _ in range(3))

    def outputs_and_gradient() -> tuple[torch.Tensor, torch.Tensor]:
        leaf = x.detach().requires_grad_()
        states = leaf * 1.0
        with BF16:
            outputs = torch.stack([layer(states) for layer in layers])
        outputs.float().pow(2).sum().backward()
        return outputs.detach(), present(leaf.grad)

    wanted, gradient = outputs_and_gradient()
    share_casts(layers)
    got, shared = outputs_and_gradient()
    assert torch.equal(got, wanted)
    assert (shared - gradient).norm() <= 0.01 * gradient.norm()
