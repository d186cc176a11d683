"""The loss of one rollout, as a pure function.

B = completions in the batch, N = their tokens, flat. Natural logs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class RolloutTerms(NamedTuple):
    losses: Tensor  # (B,)
    kl: Tensor  # (B,) of a whole completion, in nats, by the k3 estimator, detached


def k3(per_token_logps: Tensor, ref_per_token_logps: Tensor) -> Tensor:
    """(N,) KL of policy to reference at each drawn token: exp(d) - d - 1, d = reference - policy;
    never below 0.

    Unbiased for tokens drawn from the policy (Schulman 2020,
    http://joschu.net/blog/kl-approx.html). A policy equal to its reference pays 0.
    """
    difference = ref_per_token_logps - per_token_logps
    return difference.exp() - difference - 1


def rollout_loss(
    per_token_logps: Tensor,
    ref_per_token_logps: Tensor,
    rows: Tensor,
    advantages: Tensor,
    *,
    beta: float,
    constant: float,
) -> RolloutTerms:
    """loss = (-A x sum of log-probs + beta x sum of k3) / constant, one a completion.

    `rows` (N,) says whose each token is, `advantages` is (B,). The constant is the same for every
    completion: divided by its own length, a short one (a refusal) would count more a token.
    Completions are of the policy itself, and one step is taken on them, so there is no ratio and no
    clip: the gradient is that of REINFORCE with A as it stands.
    """

    def summed(values: Tensor) -> Tensor:
        return torch.zeros(len(advantages), dtype=values.dtype, device=values.device).index_add(
            0, rows, values
        )

    kl = summed(k3(per_token_logps, ref_per_token_logps))
    # Advantages are data: they came from scores, and no gradient runs through them.
    losses = (beta * kl - advantages.to(per_token_logps.dtype) * summed(per_token_logps)) / constant
    return RolloutTerms(losses, kl.detach())
