"""Optimiser steps of SFT and DPO: the same however they are cut, from the right starting loss, in
the right direction.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from models.adapters.wrapping import adapt
from models.config import AdapterConfig, ModelConfig
from models.layout.collation import padded
from models.loading.load import load_model
from models.tokens import TokenRow
from train.config import DpoConfig, TrainerConfig
from train.dpo import DpoModule, DpoRows
from train.engine.batches import BatchPlan
from train.engine.module import TrainedModule
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.reference import reference_logps
from train.sft import SftModule, SftRows

if TYPE_CHECKING:
    from tests.unit.train.conftest import Fitted

OPTIMISATION = Optimisation(
    learning_rate=1e-3, total_steps=1, optimiser=OptimiserConfig(warmup=0.0)
)
DPO_CONFIGS = {
    "sigmoid": DpoConfig(),
    "smoothed": DpoConfig(label_smoothing=0.1, sft_weight=0.5),
    "ipo": DpoConfig(loss="ipo"),
}


@pytest.fixture(scope="module", params=["sft", *DPO_CONFIGS])
def problem(
    request: pytest.FixtureRequest,
    tiny_directory: Path,
    tokenizer: Any,
    make_rows: Callable[[int], list[TokenRow]],
    make_pairs: Callable[[int], list[tuple[TokenRow, TokenRow]]],
) -> tuple[SftModule, SftRows] | tuple[DpoModule, DpoRows]:
    """(module in float64, rows) with a policy that has left its reference."""
    model = load_model(ModelConfig(path=str(tiny_directory))).double()
    if request.param == "sft":
        return SftModule(adapt(model, AdapterConfig(kind="full"), seed=0), OPTIMISATION), SftRows(
            make_rows(13), padded(0)
        )
    pairs = make_pairs(13)
    logps = reference_logps(
        model, pairs, padded(0), TrainerConfig(accelerator="cpu", precision="32-true"), None
    )
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    return DpoModule(
        adapt(model, AdapterConfig(kind="full"), seed=0), DPO_CONFIGS[request.param], OPTIMISATION
    ), DpoRows(pairs, padded(0), logps)


def one_step(
    problem: tuple[SftModule, SftRows] | tuple[DpoModule, DpoRows],
    micro_batch_tokens: int,
    world_size: int = 1,
) -> tuple[torch.Tensor, dict[str, float]]:
    """(gradient, metrics) of one optimiser step over all rows, added up as Lightning and the ranks
    would.
    """
    module, rows = problem
    module.zero_grad()
    plan = BatchPlan(
        lengths=rows.lengths,
        weights=rows.weights,
        padded=True,
        global_batch_size=len(rows.lengths),
        micro_batch_tokens=micro_batch_tokens,
        world_size=world_size,
        epochs=1,
        seed=0,
    )
    for rank in range(world_size):
        for indices, scale in plan.micro_batches(0, rank):
            batch: Any = rows.collate(indices, scale)
            module.on_train_batch_start(batch, 0)
            (module.training_step(batch, 0) / plan.accumulation / world_size).backward()
    metrics = {name: (total / number).item() for name, (total, number) in module._sums.items()}
    module._sums.clear()
    return torch.cat([p.grad.flatten() for p in module.parameters()]), metrics


@pytest.mark.parametrize(
    ("micro_batch_tokens", "world_size"), [(1, 1), (150, 1), (600, 1), (150, 2), (1, 4)]
)
def test_a_step_does_not_depend_on_how_it_is_cut(
    problem: tuple[SftModule, SftRows] | tuple[DpoModule, DpoRows],
    micro_batch_tokens: int,
    world_size: int,
) -> None:
    """per_token_logps takes log-softmax in fp32, so 1e-5 and not 1e-12 although the model is in
    float64.
    """
    gradient, metrics = one_step(problem, 10**6)
    cut_gradient, cut_metrics = one_step(problem, micro_batch_tokens, world_size)
    assert (cut_gradient - gradient).norm() <= 1e-5 * gradient.norm()
    assert cut_metrics == pytest.approx(metrics, rel=1e-5)


def test_the_sft_loss_is_the_mean_over_completion_tokens(
    tiny_model: Any, make_rows: Callable[[int], list[TokenRow]]
) -> None:
    rows = make_rows(6)
    module = SftModule(adapt(tiny_model, AdapterConfig(kind="full"), seed=0), OPTIMISATION)
    _, metrics = one_step((module, SftRows(rows, padded(0))), 2)
    losses = []
    for row in rows:
        ids = torch.tensor([row.input_ids])
        labels = ids.masked_fill(torch.tensor([row.completion_mask]) == 0, -100)
        losses.append(
            tiny_model(input_ids=ids, labels=labels).loss.item() * row.num_completion_tokens
        )
    assert metrics["loss"] == pytest.approx(
        sum(losses) / sum(row.num_completion_tokens for row in rows), rel=1e-5
    )


def test_the_schedule_warms_up_linearly_and_falls_to_zero_as_a_cosine(tiny_model: Any) -> None:
    module = TrainedModule(
        tiny_model,
        Optimisation(learning_rate=1.0, total_steps=10, optimiser=OptimiserConfig(warmup=0.2)),
    )
    assert [module.schedule(step) for step in (0, 1, 2)] == [0.5, 1.0, 1.0]
    assert module.schedule(6) == pytest.approx(0.5)
    assert module.schedule(10) == pytest.approx(0.0)
    assert module.schedule(11) == pytest.approx(0.0)
    assert (
        TrainedModule(
            tiny_model,
            Optimisation(learning_rate=1.0, total_steps=1, optimiser=OptimiserConfig(warmup=0.0)),
        ).schedule(0)
        == 1.0
    )


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_the_first_dpo_step_of_a_fit_pays_ln_2(
    fit_dpo: Callable[..., Fitted], tmp_path: Path, kind: str
) -> None:
    first = fit_dpo(tmp_path, kind=kind).metrics[0]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert first["rewards/chosen"] == pytest.approx(0, abs=1e-4)
    assert first["rewards/rejected"] == pytest.approx(0, abs=1e-4)


def test_the_first_dpo_step_under_bfloat16_autocast_pays_ln_2(
    fit_dpo: Callable[..., Fitted], tmp_path: Path
) -> None:
    assert fit_dpo(tmp_path, precision="bf16-mixed").metrics[0]["loss"] == pytest.approx(
        math.log(2), abs=5e-3
    )


def test_a_base_with_dropout_pays_ln_2_too(
    fit_dpo: Callable[..., Fitted], tmp_path: Path, tokenizer: Any
) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    shape = {"n_positions": 256, "n_embd": 32, "n_layer": 2, "n_head": 4}
    GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer), resid_pdrop=0.5, embd_pdrop=0.5, attn_pdrop=0.5, **shape
        )
    ).save_pretrained(tmp_path / "gpt2")
    first = fit_dpo(tmp_path / "work", directory=tmp_path / "gpt2", kind="full").metrics[0]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-4)


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_twenty_dpo_steps_on_eight_pairs_prefer_every_chosen_side(
    fit_dpo: Callable[..., Fitted], tmp_path: Path, kind: str
) -> None:
    config = DpoConfig(learning_rate=2e-3, beta=0.1)
    metrics = fit_dpo(tmp_path, kind=kind, epochs=10, config=config, every=100).metrics
    assert len(metrics) == 20
    assert metrics[-1]["rewards/accuracies"] == 1.0
    assert metrics[-1]["loss"] < metrics[0]["loss"]
    assert metrics[-1]["rewards/margins"] > 0
