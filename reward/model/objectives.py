"""What the reward model is trained for: binary labels, ordinal levels, or preferences between two
completions.

B = rows.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Objective = Literal["binary", "ordinal", "pairwise"]
LEVELS = 5
START = (-1.5, -0.5, 0.5, 1.5)
"""Thresholds of a fresh ordinal head."""


def binary_losses(
    logits: Tensor, harms: Tensor, harmful_weight: float, harmless_weight: float
) -> Tensor:
    """(B,) cross-entropy of the logit of harmful with chances of harm (B,), each side with its
    weight.
    """
    # softplus(-z) is -log sigmoid(z) without the overflow of its parts.
    harmful = harmful_weight * harms * F.softplus(-logits)
    return harmful + harmless_weight * (1 - harms) * F.softplus(logits)


def levels_of(harms: Tensor) -> Tensor:
    """(B,) whole levels from 0 (declines) to 4 (complies fully) of chances of harm."""
    return (harms * (LEVELS - 1)).round().long()


def ordinal_losses(logits: Tensor, levels: Tensor, thresholds: Tensor) -> Tensor:
    """(B,) negative log-likelihood of levels 0 to 4 under the cumulative logit model (McCullagh
    1980).

    P(level <= k) = sigmoid(threshold_k - logit); thresholds (4,) rise. The difference of two
    sigmoids is taken as sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which holds its digits in both
    tails.
    """
    infinite = thresholds.new_full((1,), torch.inf)
    cuts = torch.cat([-infinite, thresholds, infinite])
    above, below = cuts[levels + 1] - logits, cuts[levels] - logits
    # The lowest and the highest level have one cut only: without the other, exp(gap) is 0.
    gap = torch.where(torch.isfinite(below - above), below - above, -infinite)
    return -(F.logsigmoid(above) + F.logsigmoid(-below) + torch.log1p(-torch.exp(gap)))


def pairwise_losses(worse: Tensor, better: Tensor) -> Tensor:
    """(B,) -log sigmoid(logit of the worse completion - logit of the better one) (Bradley and Terry
    1952).
    """
    return -F.logsigmoid(worse - better)


def thresholds_of(spread: Tensor) -> Tensor:
    """(4,) rising thresholds of (4,) free numbers: the first, then the logarithms of the gaps."""
    # Exponentials of free numbers are gaps above 0: thresholds rise whatever the optimiser does.
    return torch.cat([spread[:1], spread[:1] + spread[1:].exp().cumsum(0)])


def spread_of(thresholds: Tensor) -> Tensor:
    """The inverse of `thresholds_of`."""
    return torch.cat([thresholds[:1], thresholds.diff().log()])
