"""Losses of policy training, as pure functions.

B = pairs in the batch.  logps are natural logs, summed over completion tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class DpoTerms(NamedTuple):
    losses: Tensor  # (B,)
    rewards_chosen: Tensor  # (B,) implicit reward beta * log-ratio, detached
    rewards_rejected: Tensor  # (B,)


class ReferencedLogps(NamedTuple):
    """One batch's summed log-probabilities, each (B,)."""

    chosen: Tensor  # policy
    rejected: Tensor
    ref_chosen: Tensor  # frozen reference
    ref_rejected: Tensor


class KtoTerms(NamedTuple):
    losses: Tensor  # (B,)
    rewards: Tensor  # (B,) implicit reward beta * log-ratio, detached


def dpo_loss(logps: ReferencedLogps, *, beta: float, label_smoothing: float = 0.0) -> DpoTerms:
    """Direct preference optimisation (arXiv 2305.18290, eq. 7), conservative with label smoothing.

    loss = -(1 - e) log sigmoid(beta * h) - e log sigmoid(-beta * h),  h = chosen log-ratio -
    rejected log-ratio.
    A policy equal to its reference pays exactly ln 2, whatever beta and e are.
    """
    chosen_logratios, rejected_logratios = (
        logps.chosen - logps.ref_chosen,
        logps.rejected - logps.ref_rejected,
    )
    logits = beta * (chosen_logratios - rejected_logratios)
    # logsigmoid and not log(sigmoid): a margin of -200 would be the logarithm of 0 in float32.
    losses = -(1 - label_smoothing) * F.logsigmoid(logits) - label_smoothing * F.logsigmoid(-logits)
    return DpoTerms(losses, beta * chosen_logratios.detach(), beta * rejected_logratios.detach())


def ipo_loss(
    logps: ReferencedLogps, chosen_tokens: Tensor, rejected_tokens: Tensor, *, beta: float
) -> DpoTerms:
    """Identity preference optimisation (arXiv 2310.12036, eq. 17) on log-ratios averaged over
    completion tokens, as TRL does.

    loss = (h - 1 / (2 beta))^2.  A policy equal to its reference pays 1 / (4 beta^2).
    chosen_tokens, rejected_tokens: (B,) completion lengths.
    """
    chosen_logratios = (logps.chosen - logps.ref_chosen) / chosen_tokens
    rejected_logratios = (logps.rejected - logps.ref_rejected) / rejected_tokens
    losses = (chosen_logratios - rejected_logratios - 1 / (2 * beta)) ** 2
    return DpoTerms(
        losses,
        beta * (logps.chosen - logps.ref_chosen).detach(),
        beta * (logps.rejected - logps.ref_rejected).detach(),
    )


def kto_loss(
    logps: Tensor,
    ref_logps: Tensor,
    desirable: Tensor,
    kl: Tensor,
    *,
    beta: float,
    weights: tuple[float, float] = (1.0, 1.0),
) -> KtoTerms:
    """Kahneman-Tversky optimisation (arXiv 2402.01306, eq. 7) of completions that are desirable or
    not.

    loss = w_d (1 - sigmoid(beta (h - kl))) where desirable, else w_u (1 - sigmoid(beta (kl - h))),
    h = logps - ref_logps.
    logps, ref_logps, desirable (bool): (B,).  kl: (), the reference point, without gradient.
    A policy equal to its reference has kl 0 and pays w / 2.
    """
    logratios = logps - ref_logps
    # 1 or -1: one expression for both cases, without a branch that a GPU would have to be asked
    # for.
    sign = desirable.to(logratios) * 2 - 1
    weight = torch.where(desirable, weights[0], weights[1])
    losses = weight * (1 - torch.sigmoid(beta * sign * (logratios - kl)))
    return KtoTerms(losses, beta * logratios.detach())
