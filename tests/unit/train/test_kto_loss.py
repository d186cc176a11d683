"""The loss of KTO by hand."""

from __future__ import annotations

import math

import torch

from train.losses import kto_loss


def tensor(*values: list[bool] | float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_kto_by_hand() -> None:
    """beta 0.5, log-ratios 4 and -2, kl 1: desirable 2 (1 - sigmoid(1.5)), undesirable 3 (1 -
    sigmoid(0.5 x (1 + 2))).
    """
    terms = kto_loss(
        tensor(-6, -9),
        tensor(-10, -7),
        torch.tensor([True, False]),
        tensor(1).sum(),
        beta=0.5,
        weights=(2.0, 3.0),
    )
    share = 1 - 1 / (1 + math.exp(-1.5))
    torch.testing.assert_close(terms.losses, tensor(2 * share, 3 * share))
    torch.testing.assert_close(terms.rewards, tensor(2.0, -1.0))


def test_a_policy_equal_to_its_reference_pays_half_the_weight() -> None:
    logps = tensor(-3, -40)
    terms = kto_loss(
        logps, logps, torch.tensor([True, False]), tensor(0).sum(), beta=0.1, weights=(1.0, 3.0)
    )
    torch.testing.assert_close(terms.losses, tensor(0.5, 1.5))
