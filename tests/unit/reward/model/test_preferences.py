"""Pairs of completions for the pairwise objective, and its training step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from present import present

from models.layout.collation import padded
from models.layout.logps import collate
from models.tokens import TokenRow
from records.rows import assistant, user
from reward.model.examples import RewardExample
from reward.model.preferences import PER_GROUP, PairModule, PairRows, Preference, preferences
from train.engine.optimisation import Optimisation, OptimiserConfig

if TYPE_CHECKING:
    from reward.model.network import HarmfulnessNetwork


def example(number: int, harm: float, group: str, weight: float = 1.0) -> RewardExample:
    return RewardExample(
        id=str(number),
        prompt=user("q"),
        completion=assistant("a"),
        harm=harm,
        origin="policy_harmful",
        group=group,
        split="train",
        weight=weight,
    )


def test_pairs_lie_within_a_group_and_differ_in_harm() -> None:
    rows = [
        example(0, 1.0, "a"),
        example(1, 0.0, "a", 4.0),
        example(2, 0.7, "a"),
        example(3, 0.0, "b"),
    ]
    found = preferences(rows, seed=0)
    assert sorted((pair.worse, pair.better) for pair in found) == [(0, 1), (2, 1)]
    assert {pair.weight for pair in found} == {1.0}, "a pair weighs what its lighter side does"


def test_a_group_with_many_completions_gives_its_share_and_the_seed_decides_which() -> None:
    rows = [example(k, float(k % 2), "a") for k in range(12)]
    assert len(preferences(rows, seed=0)) == PER_GROUP
    assert preferences(rows, seed=0) == preferences(rows, seed=0) != preferences(rows, seed=1)


def test_the_loss_is_bradley_terrys_one_pair_at_a_time(
    network: HarmfulnessNetwork, rows: list[TokenRow], tokenizer: Any
) -> None:
    made = PairRows(
        rows, [Preference(0, 1, 1.0), Preference(2, 3, 3.0)], padded(tokenizer.pad_token_id)
    )
    module = PairModule(
        network,
        Optimisation(learning_rate=1e-3, total_steps=1, optimiser=OptimiserConfig(warmup=0.0)),
    )
    loss = module.training_step(made.collate([0, 1], 0.5), 0)
    z = [network(collate([row], 0))[0] for row in rows]
    wanted = -torch.nn.functional.logsigmoid(z[0] - z[1]) - 3 * torch.nn.functional.logsigmoid(
        z[2] - z[3]
    )
    assert loss.item() == pytest.approx(wanted.item() / 2, rel=1e-5)


def test_cutting_a_step_into_pairs_changes_no_gradient(
    network: HarmfulnessNetwork, rows: list[TokenRow], tokenizer: Any
) -> None:
    made = PairRows(
        rows, [Preference(0, 1, 1.0), Preference(2, 3, 3.0)], padded(tokenizer.pad_token_id)
    )
    module = PairModule(
        network,
        Optimisation(learning_rate=1e-3, total_steps=1, optimiser=OptimiserConfig(warmup=0.0)),
    )
    found = []
    for parts in ([[0, 1]], [[0], [1]]):
        module.zero_grad()
        for part in parts:
            module.training_step(made.collate(part, 0.5), 0).backward()
        found.append(present(network.score.weight.grad).clone())
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)
