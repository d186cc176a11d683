"""TRL's DPOTrainer on the same models and the same batch gives the same loss and the same
metrics.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from present import present

from models.config import ModelConfig
from models.layout.collation import padded
from models.loading.load import load_model
from models.tokens import encode_pair
from records.rows import assistant, user
from train.config import DpoConfig, TrainerConfig
from train.dpo import DpoModule, DpoRows
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.reference import reference_logps

Setting = tuple[Any, Any, Any, DpoRows]

BETA, SMOOTHING = 0.3, 0.2


ROWS = [
    {
        "prompt": user(f"Question {i}?"),
        "chosen": assistant("No, that is not safe." + " Ask a doctor." * (i % 2)),
        "rejected": assistant("Sure." + " Do it." * (i % 3)),
    }
    for i in range(6)
]


@pytest.fixture(scope="module")
def setting(
    tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path, tokenizer: Any
) -> Setting:
    """(TRL's trainer, its one batch, policy, our rows): a policy that has left its reference,
    learning rate 0.
    """
    from datasets import Dataset
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    ours = copy.deepcopy(tokenizer)
    # Nothing follows the end token in this template: TRL trains on a newline after it, where a
    # template has one; Primum does not.
    ours.chat_template = tokenizer.chat_template.replace("'<|im_end|>\n'", "'<|im_end|>'")
    reference = load_model(ModelConfig(path=str(tiny_directory)))
    policy = copy.deepcopy(reference)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    config = DPOConfig(
        output_dir=str(tmp_path_factory.mktemp("trl")),
        per_device_train_batch_size=6,
        learning_rate=0.0,
        beta=BETA,
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
    trainer = DPOTrainer(
        model=policy,
        ref_model=reference,
        args=config,
        train_dataset=Dataset.from_list(ROWS),
        processing_class=ours,
    )
    pairs = [
        present(encode_pair(ours, row["prompt"], (row["chosen"], row["rejected"]), 128))
        for row in ROWS
    ]
    logps = reference_logps(
        reference, pairs, padded(0), TrainerConfig(accelerator="cpu", precision="32-true"), None
    )
    return (
        trainer,
        next(iter(trainer.get_train_dataloader())),
        policy,
        DpoRows(pairs, padded(0), logps),
    )


def ours_of(setting: Setting, config: DpoConfig) -> tuple[float, dict[str, float]]:
    _, _, policy, rows = setting
    module = DpoModule(
        policy,
        config,
        Optimisation(
            learning_rate=config.learning_rate, total_steps=1, optimiser=OptimiserConfig(warmup=0.0)
        ),
    )
    loss = module.training_step(rows.collate(list(range(6)), 1 / 6), 0)
    return loss.item(), {
        name: (total / number).item() for name, (total, number) in module._sums.items()
    }


def trl_of(setting: Setting, loss_type: str, smoothing: float = 0.0) -> float:
    trainer, batch, *_ = setting
    trainer.loss_types, trainer.label_smoothing = [loss_type], smoothing
    return trainer.compute_loss(trainer.model, batch).item()


def test_trl_tokenises_the_pairs_as_primum_does(setting: Setting) -> None:
    _, batch, _, rows = setting
    theirs = {
        tuple(ids[mask.bool()].tolist())
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    }
    assert theirs == {tuple(side.input_ids) for pair in rows.pairs for side in pair}
    assert batch["completion_mask"].sum().item() == sum(
        side.num_completion_tokens for pair in rows.pairs for side in pair
    )


def test_sigmoid_loss_agrees_with_trl(setting: Setting) -> None:
    loss, _ = ours_of(setting, DpoConfig(beta=BETA))
    assert abs(loss - 0.6931) > 0.01  # the policy has left its reference, so this is no identity
    assert loss == pytest.approx(trl_of(setting, "sigmoid"), rel=1e-4)


def test_label_smoothing_is_trls_robust_loss_before_its_rescaling(setting: Setting) -> None:
    """TRL's sigmoid ignores label_smoothing; `robust` is conservative DPO over (1 - 2 e), with the
    second term's sign the other way.

    robust * (1 - 2 e) = (1 - e) L(h) - e L(-h), ours = (1 - e) L(h) + e L(-h); L(-h) = L(h) + beta
    h, and L(h) is sigmoid's. So ours = 2 (1 - e) sigmoid - (1 - 2 e) robust, pair by pair and in
    the mean.
    """
    loss, _ = ours_of(setting, DpoConfig(beta=BETA, label_smoothing=SMOOTHING))
    robust = trl_of(setting, "robust", SMOOTHING)
    wanted = 2 * (1 - SMOOTHING) * trl_of(setting, "sigmoid") - (1 - 2 * SMOOTHING) * robust
    assert loss == pytest.approx(wanted, rel=1e-4)


def test_ipo_agrees_with_trl(setting: Setting) -> None:
    loss, _ = ours_of(setting, DpoConfig(loss="ipo", beta=BETA))
    assert loss == pytest.approx(trl_of(setting, "ipo"), rel=1e-4)


def test_metrics_carry_trls_names_and_values(setting: Setting) -> None:
    trainer, *_ = setting
    for collected in trainer._metrics.values():
        collected.clear()
    trl_of(setting, "sigmoid")
    theirs = {
        name: sum(values) / len(values)
        for collected in trainer._metrics.values()
        for name, values in collected.items()
        if values
    }
    _, metrics = ours_of(setting, DpoConfig(beta=BETA))
    shared = [name for name in metrics if name in theirs]
    assert {"rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies"} <= set(
        shared
    )
    for name in shared:
        assert metrics[name] == pytest.approx(theirs[name], rel=1e-4, abs=1e-5), name
