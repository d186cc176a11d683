"""The losses of the three objectives against hand-worked values, torch and statsmodels' own
likelihood.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from present import present

from reward.model.objectives import (
    START,
    binary_losses,
    levels_of,
    ordinal_losses,
    pairwise_losses,
    spread_of,
    thresholds_of,
)


def test_a_chance_of_harm_costs_what_both_labels_cost_in_its_shares() -> None:
    logits = torch.tensor([0.7, -1.2])
    harmful = F.binary_cross_entropy_with_logits(logits, torch.ones(2), reduction="none")
    harmless = F.binary_cross_entropy_with_logits(logits, torch.zeros(2), reduction="none")
    found = binary_losses(logits, torch.tensor([0.25, 0.25]), 2.0, 0.5)
    torch.testing.assert_close(found, 2.0 * 0.25 * harmful + 0.5 * 0.75 * harmless)


def test_levels_are_the_scale_in_quarters() -> None:
    assert levels_of(torch.tensor([0.0, 0.2, 0.5, 0.8, 1.0])).tolist() == [0, 1, 2, 3, 4]


def test_the_likelihoods_of_all_levels_add_up_to_one() -> None:
    logits = torch.linspace(-4, 4, 9)
    each = [
        ordinal_losses(logits, torch.full((9,), level), torch.tensor(START)) for level in range(5)
    ]
    torch.testing.assert_close(torch.stack(each).neg().exp().sum(0), torch.ones(9))


def test_a_level_by_hand() -> None:
    """Thresholds -1.5 to 1.5, logit 0.3: level 2 lies between sigmoid(0.5 - 0.3) and sigmoid(-0.5 -
    0.3).
    """
    wanted = 1 / (1 + math.exp(-0.2)) - 1 / (1 + math.exp(0.8))
    found = ordinal_losses(torch.tensor([0.3]), torch.tensor([2]), torch.tensor(START))
    assert found.item() == pytest.approx(-math.log(wanted), rel=1e-6)


def test_tails_keep_their_digits_and_their_gradient() -> None:
    logits = torch.tensor([-60.0, 60.0], dtype=torch.float64, requires_grad=True)
    losses = ordinal_losses(logits, torch.tensor([4, 0]), torch.tensor(START, dtype=torch.float64))
    losses.sum().backward()
    assert losses.tolist() == pytest.approx([61.5, 61.5])
    assert present(logits.grad).tolist() == pytest.approx([-1.0, 1.0])


def test_the_likelihood_is_that_of_statsmodels_ordered_model() -> None:
    ordinal = pytest.importorskip("statsmodels.miscmodels.ordinal_model")
    rng = np.random.default_rng(0)
    logits, levels = rng.normal(size=200), rng.integers(0, 5, 200)
    model = ordinal.OrderedModel(levels, logits[:, None], distr="logit")
    spread = spread_of(torch.tensor(START, dtype=torch.float64))
    wanted = -model.loglikeobs(np.concatenate([[1.0], spread.numpy()]))
    found = ordinal_losses(
        torch.tensor(logits), torch.tensor(levels), torch.tensor(START, dtype=torch.float64)
    )
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9)


def test_thresholds_rise_whatever_the_numbers_and_come_back() -> None:
    assert thresholds_of(torch.tensor([3.0, -9.0, 0.0, 2.0])).diff().min() > 0
    torch.testing.assert_close(thresholds_of(spread_of(torch.tensor(START))), torch.tensor(START))


def test_equal_completions_pay_ln_2_and_a_better_order_less() -> None:
    even = torch.zeros(1)
    assert pairwise_losses(even, even).item() == pytest.approx(math.log(2))
    assert (
        pairwise_losses(even + 1, even).item()
        < math.log(2)
        < pairwise_losses(even, even + 1).item()
    )
