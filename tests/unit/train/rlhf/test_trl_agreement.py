"""TRL's RLOOTrainer on the same completions and rewards gives the same advantages, the same loss
and the same gradient.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from models.config import ModelConfig
from models.layout.logps import per_token_logps
from models.layout.packed_attention import use_packed_attention
from models.layout.packing import pack
from models.loading.load import load_model
from models.tokens import TokenRow
from records.rows import Message
from train.rlhf.advantage import leave_one_out
from train.rlhf.loss import rollout_loss
from train.rlhf.plan import token_row

GENERATIONS, NEW = 3, 7


@pytest.fixture(scope="module")
def rollout(
    tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path, tokenizer: Any
) -> tuple[Any, dict[str, Any], list[float]]:
    """(TRL's trainer, one rollout of its own, the rewards that it was given)."""
    from datasets import Dataset
    from trl.trainer.rloo_config import RLOOConfig
    from trl.trainer.rloo_trainer import RLOOTrainer

    given: list[float] = []

    def rewards(completions: list[list[Message]], **_: object) -> list[float]:
        given[:] = [-(len(completion[0]["content"]) % 5) / 4 for completion in completions]
        return given

    config = RLOOConfig(
        output_dir=str(tmp_path_factory.mktemp("trl")),
        per_device_train_batch_size=2 * GENERATIONS,
        num_generations=GENERATIONS,
        max_completion_length=NEW,
        beta=0.0,
        normalize_advantages=False,
        max_steps=1,
        report_to=[],
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
        save_strategy="no",
        gradient_checkpointing=False,
    )
    prompts = [
        {"prompt": [{"role": "user", "content": text}]}
        for text in ("What is asthma?", "My knee hurts after running, why?")
    ]
    trainer = RLOOTrainer(
        model=load_model(ModelConfig(path=str(tiny_directory))),
        reward_funcs=rewards,
        args=config,
        train_dataset=Dataset.from_list(prompts),
        processing_class=copy.deepcopy(tokenizer),
    )
    torch.manual_seed(1)
    trainer.model.eval()
    inputs = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    return trainer, inputs, list(given)


def rows_of(inputs: dict[str, Any]) -> list[TokenRow]:
    rows = []
    for i in range(len(inputs["prompt_ids"])):
        prompt = inputs["prompt_ids"][i][inputs["prompt_mask"][i].bool()].tolist()
        completion = inputs["completion_ids"][i][inputs["completion_mask"][i].bool()].tolist()
        rows.append(token_row(prompt, completion))
    return rows


def test_the_advantages_agree(rollout: tuple[Any, dict[str, Any], list[float]]) -> None:
    _, inputs, rewards = rollout
    ours = [
        value
        for start in range(0, len(rewards), GENERATIONS)
        for value in leave_one_out(rewards[start : start + GENERATIONS])
    ]

    assert len(set(rewards)) > 1
    assert ours == pytest.approx(inputs["advantages"].tolist(), abs=1e-5)


def test_loss_and_gradient_agree(rollout: tuple[Any, dict[str, Any], list[float]]) -> None:
    """TRL's ratio is 1 at the policy that has drawn, so that its loss is ours less its value there,
    plus -mean(A).
    """
    trainer, inputs, _ = rollout
    theirs = trainer.model
    theirs.zero_grad()
    loss = trainer.compute_loss(theirs, inputs)
    loss.backward()

    ours = copy.deepcopy(theirs)
    ours.zero_grad()
    use_packed_attention(ours)
    logps, rows = per_token_logps(ours, pack(rows_of(inputs)))
    terms = rollout_loss(logps, logps.detach(), rows, inputs["advantages"], beta=0.0, constant=1)
    terms.losses.mean().backward()

    drawn = torch.zeros(len(inputs["advantages"])).index_add(0, rows, logps.detach())
    at_drawing = (-inputs["advantages"] * drawn).mean()
    assert loss.item() == pytest.approx(
        (terms.losses.mean() - at_drawing - inputs["advantages"].mean()).item(), abs=1e-5
    )
    gradients = dict(theirs.named_parameters())
    assert max(p.grad.abs().max().item() for p in gradients.values()) > 1e-3
    for name, parameter in ours.named_parameters():
        assert torch.allclose(parameter.grad, gradients[name].grad, atol=1e-5), name
