from __future__ import annotations

import math

import pytest
import torch
from present import present

from train.rlhf.loss import k3, rollout_loss


def test_k3_of_a_hand_worked_case() -> None:
    """The policy gives a drawn token 1/2, the reference 1/4: d = ln(1/2), so exp(d) - d - 1 = 1/2 +
    ln 2 - 1.
    """
    half, quarter = torch.tensor([0.5]).log(), torch.tensor([0.25]).log()

    assert k3(half, quarter).item() == pytest.approx(math.log(2) - 0.5)
    assert k3(quarter, half).item() == pytest.approx(2 - math.log(2) - 1)
    assert k3(half, half).item() == 0


def test_k3_averages_to_the_kl_of_the_two_distributions() -> None:
    policy, reference = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.3, 0.3, 0.4])

    mean = (policy * k3(policy.log(), reference.log())).sum()

    assert mean.item() == pytest.approx((policy * (policy / reference).log()).sum().item())


def test_a_loss_of_two_completions_by_hand() -> None:
    """Completion 0 has two tokens and advantage 1, completion 1 has one and -2; the constant is 4,
    beta 0.5.
    """
    logps = torch.tensor([-1.0, -2.0, -3.0])
    reference = torch.tensor([-1.0, -1.0, -3.0])
    kl = math.e - 1 - 1  # of the second token alone, d = 1

    terms = rollout_loss(
        logps, reference, torch.tensor([0, 0, 1]), torch.tensor([1.0, -2.0]), beta=0.5, constant=4
    )

    assert terms.losses.tolist() == pytest.approx([(3 + 0.5 * kl) / 4, -6 / 4])
    assert terms.kl.tolist() == pytest.approx([kl, 0])


def test_a_short_completion_counts_no_more_a_token_than_a_long_one() -> None:
    logps = torch.zeros(4, requires_grad=True)
    rows = torch.tensor([0, 1, 1, 1])

    rollout_loss(
        logps, logps.detach(), rows, torch.ones(2), beta=0, constant=3
    ).losses.sum().backward()

    assert present(logps.grad).tolist() == pytest.approx([-1 / 3] * 4)
