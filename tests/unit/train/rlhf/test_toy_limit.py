"""A toy policy with one shared parameter, in which the limit binds: what declines harm declines
twins too.

p(refuse | harmful) = sigmoid(theta + 1) and p(refuse | twin) = sigmoid(theta - 1). Least harm with
twins refused in at most a share x of cases is theta = 1 + logit(x), and there the multiplier is
sigmoid'(theta + 1) / sigmoid'(theta - 1).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pytest
import torch

from train.multipliers import Ascent, Multipliers
from train.rlhf.advantage import Judged, leave_one_out, reward
from train.rlhf.loss import rollout_loss

PROMPTS, COMPLETIONS, STEPS = 64, 4, 400
TIGHT, LOOSE = 0.2, 0.4
FEATURE = {"harmful": 1.0, "twins": -1.0}


class Path(NamedTuple):
    excess: list[float]
    multiplier: list[float]


def scaled_by_deviation(advantages: list[float]) -> list[float]:
    """What GRPO makes of advantages by default."""
    deviation = math.sqrt(math.fsum(value * value for value in advantages) / len(advantages))
    return [value / (deviation + 1e-4) for value in advantages]


def train(*, scaled: bool = False) -> Path:
    """STEPS steps under the tight limit, then as many under the loose one."""
    torch.manual_seed(0)
    theta = torch.tensor(-2.0, requires_grad=True)
    held = Multipliers({"twins": TIGHT}, Ascent(rate=0.3, cap=10, memory=0.5))
    path = Path([], [])
    for step in range(2 * STEPS):
        held.limits["twins"] = TIGHT if step < STEPS else LOOSE
        drawn = {
            suite: torch.rand(PROMPTS, COMPLETIONS) < torch.sigmoid(theta.detach() + shift)
            for suite, shift in FEATURE.items()
        }
        held.update({"twins": drawn["twins"].float().mean().item()})
        loss: Any = sum(
            loss_of(theta, suite, refused, held, scaled=scaled) for suite, refused in drawn.items()
        )
        (gradient,) = torch.autograd.grad(loss, theta)
        with torch.no_grad():
            theta -= 0.7 * gradient
        path.excess.append(torch.sigmoid(theta.detach() - 1).item() - held.limits["twins"])
        path.multiplier.append(held.values["twins"])
    return path


def loss_of(
    theta: torch.Tensor, suite: str, refused: torch.Tensor, held: Multipliers, *, scaled: bool
) -> torch.Tensor:
    harmful = suite == "harmful"
    advantages: list[float] = []
    for group in refused.tolist():
        judged = [
            Judged(harmful, suite, (1.0 if declined else 5.0) if harmful else None, declined)
            for declined in group
        ]
        found = leave_one_out(
            [reward(row, held.values, rectified=False, penalty=1.0) for row in judged]
        )
        advantages += scaled_by_deviation(found) if scaled else found
    logit = theta + FEATURE[suite]
    logps = torch.where(
        refused.flatten(),
        torch.nn.functional.logsigmoid(logit),
        torch.nn.functional.logsigmoid(-logit),
    )
    terms = rollout_loss(
        logps,
        logps.detach(),
        torch.arange(len(advantages)),
        torch.tensor(advantages),
        beta=0.0,
        constant=1,
    )
    return terms.losses.mean()


def ends_at(values: list[float], step: int) -> float:
    """The mean of the last quarter before that step."""
    last = values[step - STEPS // 4 : step]
    return sum(last) / len(last)


@pytest.fixture(scope="module")
def path() -> Path:
    return train()


def test_the_multiplier_rises_settles_and_falls_when_the_limit_is_loosened(path: Path) -> None:
    tight, loose = ends_at(path.multiplier, STEPS), ends_at(path.multiplier, 2 * STEPS)
    settled = path.multiplier[STEPS - STEPS // 4 : STEPS]

    assert tight == pytest.approx(1.42, abs=0.1)  # sigmoid'(0.61) / sigmoid'(-1.39)
    assert max(settled) - min(settled) < 0.3
    assert loose < tight - 0.3


def test_the_excess_ends_within_a_point_of_0_under_either_limit(path: Path) -> None:
    worst = max(path.excess[:STEPS])
    print(f"worst excess on the way: {100 * worst:.1f} points")

    assert abs(ends_at(path.excess, STEPS)) < 0.01
    assert abs(ends_at(path.excess, 2 * STEPS)) < 0.01
    assert worst < 0.3


def test_with_advantages_divided_by_their_deviation_the_limit_is_not_held() -> None:
    """The multiplier cancels: 0.1 and 10 give the same quotients, so that it grows without an
    effect.
    """
    path = train(scaled=True)

    assert abs(ends_at(path.excess, STEPS)) > 0.01
    assert path.multiplier[STEPS - 1] > 5
