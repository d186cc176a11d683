from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from models.adapters.wrapping import adapt, merge
from models.config import AdapterConfig, GenerationConfig
from models.engines.generate import generate
from records.rows import user
from train.rlhf.step_zero import StepZero
from train.rlhf.writer import PolicyCopy, hand_over

PROMPTS = [user("What is asthma?"), user("My knee hurts, why?")]
GENERATION = GenerationConfig(max_new_tokens=6, temperature=1.0, batch_size=2, dtype="float32")


def moved(model: Any, kind: str) -> Any:
    """A policy that has left its start."""
    policy = adapt(copy.deepcopy(model), AdapterConfig(kind=kind, rank=4, alpha=8), seed=0)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in policy.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return policy


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_what_is_handed_over_is_the_merged_policy(tiny_model: Any, kind: str) -> None:
    policy, target = moved(tiny_model, kind), copy.deepcopy(tiny_model)

    hand_over(policy, target)

    merged = dict(merge(copy.deepcopy(policy)).named_parameters())
    assert any(
        not torch.equal(weight, dict(tiny_model.named_parameters())[name])
        for name, weight in target.named_parameters()
    )
    for name, weight in target.named_parameters():
        assert torch.allclose(weight, merged[name], atol=1e-7), name


def test_a_copy_follows_every_update(tiny_model: Any, tokenizer: Any) -> None:
    policy = moved(tiny_model, "lora")
    writer = PolicyCopy(lambda: copy.deepcopy(tiny_model), tokenizer, GENERATION)
    texts = []
    for _ in range(2):
        writer.follow(policy)
        merged = merge(copy.deepcopy(policy))
        drawn = writer.complete(PROMPTS, [3, 4])
        assert [row.ids for row in drawn] == [
            row.ids for row in generate(merged, tokenizer, PROMPTS, GENERATION, seeds=[3, 4])
        ]
        texts.append([row.ids for row in drawn])
        with torch.no_grad():
            for parameter in policy.parameters():
                if parameter.requires_grad:
                    parameter.mul_(20)
    assert texts[0] != texts[1]


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_step_zero_is_put_in_and_taken_out_to_the_bit(tiny_model: Any, kind: str) -> None:
    policy = adapt(copy.deepcopy(tiny_model), AdapterConfig(kind=kind, rank=4, alpha=8), seed=0)
    ids = torch.arange(20)[None]
    zero = StepZero()
    zero.remember(policy)
    with torch.no_grad():
        at_start = policy(input_ids=ids).logits
        for parameter in policy.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05)
        trained = policy(input_ids=ids).logits
        with zero.put_in(policy):
            assert torch.equal(policy(input_ids=ids).logits, at_start)
        assert torch.equal(policy(input_ids=ids).logits, trained)
    assert not torch.equal(trained, at_start)
