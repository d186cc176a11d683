"""DPO under a limit: the weighted loss, multipliers that bind and let go, and a resume that loses
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from over_refusal_limits import LIMITED, limit_above

from models.adapters.wrapping import adapt
from models.config import AdapterConfig, ModelConfig
from models.layout.collation import padded
from models.loading.load import load_model
from models.tokens import TokenRow
from train.config import DpoConfig, MultiplierConfig, TrainerConfig
from train.dpo import DpoModule, DpoRows
from train.engine.batches import BatchPlan
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.reference import reference_logps

if TYPE_CHECKING:
    from train.over_refusal_limit import OverRefusalLimit

GROUPS = [0] * 6 + [1] * 2 + [2] * 5


def moved(
    limit: OverRefusalLimit, base: dict[str, float], **refused: float | None
) -> dict[str, float]:
    """Its multipliers once so much was refused of each suite."""
    rises = {}
    for suite, rate in refused.items():
        rises[suite] = None if rate is None else rate - base[suite]
    limit.move(rises)
    return limit.values


def limit_with(values: dict[str, float], config: DpoConfig = LIMITED) -> OverRefusalLimit:
    limit = limit_above({"questions": 0.0, "twins": 0.0}, config)
    limit.take(values)
    return limit


@pytest.fixture(scope="module")
def problem(
    tiny_directory: Path, make_pairs: Callable[[int], list[tuple[TokenRow, TokenRow]]]
) -> tuple[Any, DpoRows]:
    """(model in float64 that has left its reference, rows with groups)"""
    model = load_model(ModelConfig(path=str(tiny_directory))).double()
    pairs = make_pairs(13)
    logps = reference_logps(
        model, pairs, padded(0), TrainerConfig(accelerator="cpu", precision="32-true"), None
    )
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    return adapt(model, AdapterConfig(kind="full"), seed=0), DpoRows(
        pairs, padded(0), logps, GROUPS
    )


def gradient(
    problem: tuple[Any, DpoRows],
    limit: OverRefusalLimit | None,
    micro_batch_tokens: int = 10**6,
    world_size: int = 1,
    rows: Sequence[int] = range(13),
) -> tuple[torch.Tensor, dict[str, float]]:
    model, every = problem
    module = DpoModule(
        model,
        LIMITED,
        Optimisation(
            learning_rate=LIMITED.learning_rate,
            total_steps=1,
            optimiser=OptimiserConfig(warmup=0.0),
        ),
        limit=limit,
    )
    module.zero_grad()
    chosen = DpoRows(
        [every.pairs[i] for i in rows],
        padded(0),
        [every.ref_logps[i] for i in rows],
        [every.groups[i] for i in rows],
    )
    plan = BatchPlan(
        lengths=chosen.lengths,
        weights=chosen.weights,
        padded=True,
        global_batch_size=len(chosen.lengths),
        micro_batch_tokens=micro_batch_tokens,
        world_size=world_size,
        epochs=1,
        seed=0,
    )
    for rank in range(world_size):
        for indices, scale in plan.micro_batches(0, rank):
            batch = chosen.collate(indices, scale)
            module.on_train_batch_start(batch, 0)
            (module.training_step(batch, 0) / plan.accumulation / world_size).backward()
    metrics = {
        name: (total / number).item() for name, (total, number) in module._sums.items() if number
    }
    return torch.cat([p.grad.flatten() for p in model.parameters()]), metrics


def test_the_loss_is_the_mean_over_harm_pairs_and_lambda_times_the_mean_over_each_suites(
    problem: tuple[Any, DpoRows],
) -> None:
    limit = limit_with({"questions": 0.5, "twins": 3.0})
    whole, metrics = gradient(problem, limit)
    parts = [
        gradient(problem, None, rows=[i for i in range(13) if GROUPS[i] == group])
        for group in range(3)
    ]
    wanted = parts[0][0] + 0.5 * parts[1][0] + 3.0 * parts[2][0]
    assert (whole - wanted).norm() <= 1e-5 * wanted.norm()
    assert metrics["loss"] == pytest.approx(
        parts[0][1]["loss"] + 0.5 * parts[1][1]["loss"] + 3.0 * parts[2][1]["loss"], rel=1e-5
    )
    assert metrics["loss/twins"] == pytest.approx(parts[2][1]["loss"], rel=1e-5)


@pytest.mark.parametrize(("micro_batch_tokens", "world_size"), [(1, 1), (150, 2), (1, 4)])
def test_a_weighted_step_does_not_depend_on_how_it_is_cut(
    problem: tuple[Any, DpoRows], micro_batch_tokens: int, world_size: int
) -> None:
    limit = limit_with({"questions": 0.5, "twins": 3.0})
    whole, metrics = gradient(problem, limit)
    cut, cut_metrics = gradient(problem, limit, micro_batch_tokens, world_size)
    assert (cut - whole).norm() <= 1e-5 * whole.norm()
    assert cut_metrics == pytest.approx(metrics, rel=1e-5)


def test_a_multiplier_rises_with_its_own_suites_excess_over_base_and_limit_alone() -> None:
    base = {"questions": 0.05, "twins": 0.2}
    assert moved(limit_above(base), base, twins=0.5, questions=0.05) == {
        "questions": pytest.approx(1 - 5 * 0.1),
        "twins": pytest.approx(1 + 5 * 0.2),
    }


def test_a_multiplier_stays_between_0_and_its_cap() -> None:
    limit = limit_above(
        {"twins": 0.0},
        DpoConfig(over_refusal_limit=0.1, multipliers=MultiplierConfig(rate=50.0, cap=4.0)),
    )
    assert moved(limit, {"twins": 0.0}, twins=1.0)["twins"] == 4.0
    assert moved(limit, {"twins": 0.0}, twins=0.0)["twins"] == 0.0


@pytest.mark.parametrize("mean", [None, math.nan])
def test_what_was_not_measured_moves_no_multiplier(mean: float | None) -> None:
    base = {"twins": 0.0, "questions": 0.0}
    assert moved(limit_above(base), base, twins=mean) == {"questions": 1.0, "twins": 1.0}


class SharedWeights:
    """A policy of two parameters in which harm and over-refusal meet: training towards safe
    completions drags refusal of twins along.

    Its pairs are those of a DPO: the harm loss falls with a, the over-refusal loss falls with b -
    a.
    """

    def __init__(self) -> None:
        self.theta = torch.zeros(2, requires_grad=True)

    def over_refusal(self) -> float:
        a, b = self.theta.tolist()
        return 1 / (1 + math.exp(-(2 * a - 2 * b - 3)))  # 4.7 % at the start, as the base

    def step(self, multiplier: float, rate: float = 0.05) -> None:
        a, b = self.theta
        harm = torch.nn.functional.softplus(-a)
        over = torch.nn.functional.softplus(2 * a - 2 * b - 3) + 0.05 * b**2
        (gradient,) = torch.autograd.grad(harm + multiplier * over, self.theta)
        with torch.no_grad():
            self.theta -= rate * gradient

    def harm(self) -> float:
        return 1 / (1 + math.exp(self.theta[0].item()))


def ascend(
    policy: SharedWeights, limit: OverRefusalLimit, base: float, updates: int
) -> tuple[list[float], list[float]]:
    excesses, multipliers = [], []
    for _ in range(updates):
        for _ in range(60):
            policy.step(limit.values["twins"])
        measured = policy.over_refusal()
        multipliers.append(moved(limit, {"twins": base}, twins=measured)["twins"])
        excesses.append(measured - base - limit.multipliers.limits["twins"])
    return excesses, multipliers


def test_a_limit_that_binds_raises_its_multiplier_which_settles_and_falls_when_loosened() -> None:
    policy = SharedWeights()
    base = policy.over_refusal()

    def limit(points: float, start: float) -> OverRefusalLimit:
        config = DpoConfig(
            over_refusal_limit=points, multipliers=MultiplierConfig(start=start, rate=1.0)
        )
        return limit_above({"twins": base}, config, {"harm": 1, "twins": 1})

    held = limit(0.1, 0.0)
    excesses, multipliers = ascend(policy, held, base, 200)
    settled = multipliers[-1]
    print(f"worst excess on the way: {100 * max(excesses):.1f} points")
    assert max(excesses) > 0.05  # without a multiplier the policy does break the limit
    assert max(multipliers) > 0.1
    assert abs(excesses[-1]) <= 0.01
    assert max(multipliers[-20:]) - min(multipliers[-20:]) <= 0.02 * settled
    harm = policy.harm()
    loosened = limit(0.4, settled)
    excesses, multipliers = ascend(policy, loosened, base, 200)
    assert multipliers[-1] < 0.8 * settled
    assert policy.harm() < harm
    assert excesses[-1] <= 0.01
