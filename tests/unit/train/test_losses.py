"""Losses against hand-worked numbers and identities."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from present import present

from train.losses import ReferencedLogps, dpo_loss, ipo_loss

LOGPS = st.lists(st.tuples(st.floats(-300, 0), st.floats(-300, 0)), min_size=1, max_size=4)


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@given(LOGPS, st.floats(0.01, 5), st.floats(0, 0.49))
def test_a_policy_equal_to_its_reference_pays_ln_2_whatever_beta_and_label_smoothing(
    sides: list[tuple[float, float]], beta: float, smoothing: float
) -> None:
    chosen, rejected = tensor(*(a for a, _ in sides)), tensor(*(b for _, b in sides))
    terms = dpo_loss(
        ReferencedLogps(chosen, rejected, chosen, rejected), beta=beta, label_smoothing=smoothing
    )
    torch.testing.assert_close(terms.losses, torch.full_like(chosen, math.log(2)))
    assert terms.rewards_chosen.abs().max() == terms.rewards_rejected.abs().max() == 0


@given(LOGPS, st.floats(0.05, 2))
def test_ipo_of_a_policy_equal_to_its_reference_pays_a_quarter_over_beta_squared(
    sides: list[tuple[float, float]], beta: float
) -> None:
    chosen, rejected = tensor(*(a for a, _ in sides)), tensor(*(b for _, b in sides))
    terms = ipo_loss(
        ReferencedLogps(chosen, rejected, chosen, rejected), tensor(3.0), tensor(4.0), beta=beta
    )
    torch.testing.assert_close(terms.losses, torch.full_like(chosen, 1 / (4 * beta**2)))


def test_dpo_by_hand() -> None:
    """beta 0.5; chosen log-ratio -10 - -12 = 2; rejected log-ratio -20 - -16 = -4; h = 6, beta h =
    3.

    loss = -log sigmoid(3) = log(1 + e^-3) = 0.0485874; rewards 0.5 * 2 = 1 and 0.5 * -4 = -2.
    With label smoothing 0.1: 0.9 * 0.0485874 + 0.1 * (3 + 0.0485874) = 0.3485874.
    """
    logps = ReferencedLogps(tensor(-10), tensor(-20), tensor(-12), tensor(-16))
    terms = dpo_loss(logps, beta=0.5)
    torch.testing.assert_close(terms.losses, tensor(0.04858735157374206))
    assert (terms.rewards_chosen.item(), terms.rewards_rejected.item()) == (1.0, -2.0)
    torch.testing.assert_close(
        dpo_loss(logps, beta=0.5, label_smoothing=0.1).losses, tensor(0.34858735157374206)
    )


def test_ipo_by_hand() -> None:
    """The same numbers, 4 chosen and 8 rejected tokens: h = 2 / 4 - -4 / 8 = 1; beta 0.25 wants 1 /
    0.5 = 2; loss = (1 - 2)^2 = 1.
    """
    logps = ReferencedLogps(tensor(-10), tensor(-20), tensor(-12), tensor(-16))
    terms = ipo_loss(logps, tensor(4), tensor(8), beta=0.25)
    torch.testing.assert_close(terms.losses, tensor(1.0))
    assert (terms.rewards_chosen.item(), terms.rewards_rejected.item()) == (0.5, -1.0)


@pytest.mark.parametrize("gap", [-1e4, 1e4])
def test_huge_margins_give_finite_losses_and_gradients(gap: float) -> None:
    chosen = tensor(gap).requires_grad_()
    loss = dpo_loss(ReferencedLogps(chosen, tensor(0.0), tensor(0.0), tensor(0.0)), beta=1.0).losses
    loss.sum().backward()
    torch.testing.assert_close(loss.detach(), tensor(max(0.0, -gap)))
    assert torch.isfinite(present(chosen.grad)).all()


def test_the_loss_falls_when_chosen_rises_and_rises_when_rejected_does() -> None:
    chosen, rejected = tensor(-3.0).requires_grad_(), tensor(-5.0).requires_grad_()
    dpo_loss(
        ReferencedLogps(chosen, rejected, tensor(-4.0), tensor(-4.0)), beta=0.1
    ).losses.sum().backward()
    of_chosen, of_rejected = present(chosen.grad).item(), present(rejected.grad).item()
    assert of_chosen < 0 < of_rejected
    assert of_chosen == pytest.approx(-of_rejected)


def test_rewards_carry_no_gradient() -> None:
    terms = dpo_loss(
        ReferencedLogps(tensor(-1.0).requires_grad_(), tensor(-2.0), tensor(0.0), tensor(0.0)),
        beta=0.1,
    )
    assert not terms.rewards_chosen.requires_grad
    assert not terms.rewards_rejected.requires_grad
