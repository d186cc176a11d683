"""KTO: TRL's loss, gradient and KL on the same batch, by hand, and the same step however it is
cut.
"""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from kto_rows import rows_of, texts

from models.config import ModelConfig
from models.layout.logps import collate, completion_logps
from models.loading.load import load_model
from models.memory.prepare import prepared_layout
from train.config import DpoConfig, TrainerConfig
from train.engine.batches import BatchPlan
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.kto import KtoModule, KtoRows
from train.reference import ReferencePass

Setting = tuple[Any, Any, Any, KtoRows]

BETA, WEIGHTS = 0.3, (1.5, 0.75)
CONFIG = DpoConfig(
    loss="kto", beta=BETA, desirable_weight=WEIGHTS[0], undesirable_weight=WEIGHTS[1]
)
ALONE = SimpleNamespace(
    global_rank=0, world_size=1, strategy=SimpleNamespace(broadcast=lambda value: value)
)


def moved(model: Any, rows: KtoRows) -> Any:
    """A policy that has learnt to say what the rows say, to whatever prompt: its KL is above 0."""
    policy = copy.deepcopy(model)
    optimiser = torch.optim.SGD(policy.parameters(), lr=0.02)
    for _ in range(3):
        loss = -completion_logps(policy, collate(rows.mismatched, 0)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return policy


def with_reference(rows: KtoRows, reference: Any, tmp_path: Path) -> KtoRows:
    config = TrainerConfig(accelerator="cpu", precision="32-true")
    ReferencePass(rows, config, tmp_path).setup(ALONE, SimpleNamespace(model=reference), "fit")
    return rows


def step(
    policy: Any, rows: KtoRows, micro_batch_tokens: int = 10**6, world_size: int = 1
) -> tuple[float, torch.Tensor, dict[str, float]]:
    """(loss, gradient, metrics) of one step over all rows, added up as Lightning and the ranks
    would.
    """
    module = KtoModule(
        policy,
        CONFIG,
        Optimisation(
            learning_rate=CONFIG.learning_rate, total_steps=1, optimiser=OptimiserConfig(warmup=0.0)
        ),
    )
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
    parts = [plan.micro_batches(0, rank) for rank in range(world_size)]
    sums = [module.kl_sums([rows.collate_mismatched(*one) for one in mine]) for mine in parts]
    module.use_kl(sum(sums, start=torch.zeros(2)))
    loss = 0.0
    for mine in parts:
        for indices, scale in mine:
            batch = rows.collate(indices, scale)
            module.on_train_batch_start(batch, 0)
            part = module.training_step(batch, 0) / plan.accumulation / world_size
            part.backward()
            loss += part.item()
    metrics = {
        name: (total / number).item() for name, (total, number) in module._sums.items() if number
    }
    return loss, torch.cat([p.grad.flatten() for p in policy.parameters()]), metrics


@pytest.fixture(scope="module")
def setting(
    tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path, tokenizer: Any
) -> Setting:
    """(TRL's trainer, its one batch, the policy, our rows): a policy that has left its reference,
    learning rate 0.
    """
    from datasets import Dataset
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    ours = copy.deepcopy(tokenizer)
    # Nothing follows the end token in this template, as in test_trl_agreement.py.
    ours.chat_template = tokenizer.chat_template.replace("'<|im_end|>\n'", "'<|im_end|>'")
    reference = load_model(ModelConfig(path=str(tiny_directory)))
    policy = moved(reference, rows_of(ours))
    config = KTOConfig(
        output_dir=str(tmp_path_factory.mktemp("trl")),
        per_device_train_batch_size=6,
        learning_rate=0.0,
        beta=BETA,
        desirable_weight=WEIGHTS[0],
        undesirable_weight=WEIGHTS[1],
        max_steps=1,
        logging_steps=1,
        report_to=[],
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
        save_strategy="no",
        max_length=128,
        gradient_checkpointing=False,
    )
    trainer = KTOTrainer(
        model=policy,
        ref_model=reference,
        args=config,
        train_dataset=Dataset.from_list(texts()),
        processing_class=ours,
    )
    rows = with_reference(rows_of(ours), reference, tmp_path_factory.mktemp("reference"))
    return trainer, next(iter(trainer.get_train_dataloader())), policy, rows


def test_trl_has_the_same_tokens_in_rows_and_mismatched_rows(setting: Setting) -> None:
    _, batch, _, rows = setting
    for ids, mask, own in (
        ("input_ids", "attention_mask", rows.rows),
        ("KL_input_ids", "KL_attention_mask", rows.mismatched),
    ):
        theirs = {
            tuple(row[kept.bool()].tolist())
            for row, kept in zip(batch[ids], batch[mask], strict=True)
        }
        assert theirs == {tuple(row.input_ids) for row in own}


def test_loss_gradient_kl_and_metrics_agree_with_trl(setting: Setting) -> None:
    trainer, batch, policy, rows = setting
    trainer.model.zero_grad()
    for collected in trainer._metrics.values():
        collected.clear()
    theirs = trainer.compute_loss(trainer.model, batch)
    theirs.backward()
    gradient = torch.cat([p.grad.flatten() for p in policy.parameters()])
    logged = {
        name: values[-1]
        for collected in trainer._metrics.values()
        for name, values in collected.items()
        if values
    }
    loss, ours, metrics = step(policy, rows)
    assert logged["kl"] > 0.01  # the reference point matters here
    assert loss == pytest.approx(theirs.item(), rel=1e-5)
    assert (ours - gradient).norm() <= 1e-4 * gradient.norm()
    for name in ("kl", "rewards/chosen", "rewards/rejected", "logps/chosen", "logps/rejected"):
        assert metrics[name] == pytest.approx(logged[name], rel=1e-4, abs=1e-5), name


@pytest.mark.parametrize(("micro_batch_tokens", "world_size"), [(1, 1), (80, 1), (80, 2), (1, 4)])
def test_a_step_does_not_depend_on_how_it_is_cut(
    setting: Setting, micro_batch_tokens: int, world_size: int
) -> None:
    """A KL of each micro-batch alone, as with TRL's accumulation, would not pass."""
    *_, policy, rows = setting
    loss, gradient, metrics = step(policy, rows)
    cut_loss, cut_gradient, cut_metrics = step(policy, rows, micro_batch_tokens, world_size)
    assert cut_loss == pytest.approx(loss, rel=1e-5)
    assert (cut_gradient - gradient).norm() <= 1e-5 * gradient.norm()
    assert cut_metrics == pytest.approx(metrics, rel=1e-5)


def test_packed_rows_give_the_loss_and_gradient_of_padded_ones(
    setting: Setting, tiny_directory: Path, tokenizer: Any, tmp_path: Path
) -> None:
    reference = load_model(ModelConfig(path=str(tiny_directory)))
    policy = moved(reference, rows_of(tokenizer))
    packed = prepared_layout(policy, 0, 128)
    assert packed.why_padded is None
    prepared_layout(reference, 0, 128)
    rows = with_reference(rows_of(tokenizer, packed), reference, tmp_path)
    loss, gradient, _ = step(policy, rows)
    wanted = with_reference(rows_of(tokenizer), reference, tmp_path / "padded")
    padded_loss, padded_gradient, _ = step(policy, wanted)
    assert loss == pytest.approx(padded_loss, rel=1e-5)
    assert (gradient - padded_gradient).norm() <= 1e-4 * padded_gradient.norm()
