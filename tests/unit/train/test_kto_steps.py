"""KTO's partners, token budget and whole trainings."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from kto_rows import LABELS, rows_of

from models.adapters.wrapping import adapt
from models.config import AdapterConfig, ModelConfig
from models.layout.collation import padded
from models.layout.logps import Batch
from models.loading.load import load_model
from models.tokens import TokenRow
from train.config import DpoConfig, TrainerConfig
from train.engine.batches import BatchPlan
from train.engine.loggers import JsonLinesLogger
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.kto import KtoBatch, KtoModule, KtoRows, partners
from train.reference import ReferencePass

CONFIG = DpoConfig(loss="kto", beta=0.3, desirable_weight=1.5, undesirable_weight=0.75)


def test_every_partner_answers_another_prompt_and_nearly_all_completions_are_taken() -> None:
    prompts = [f"prompt {i // 2}" for i in range(40)]
    found = partners(prompts, 0)
    assert all(prompts[other] != prompt for prompt, other in zip(prompts, found, strict=True))
    assert len(set(found)) >= 34
    assert partners(prompts, 0) == found != partners(prompts, 1)
    assert partners(["same", "same"], 0) == [0, 1]


def test_mismatched_rows_keep_to_the_token_budget(
    tiny_directory: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short row may have a long partner."""
    from train.engine.loader import PlanLoader

    short = rows_of(tokenizer)
    longer = [
        TokenRow([*row.input_ids, *[5] * 60], [*row.completion_mask, *[1] * 60], False)
        for row in short.mismatched
    ]
    rows = KtoRows(short.rows, longer, LABELS, padded(0))
    rows.set_reference([-1.0] * 12)
    budget = 6 * max(rows.lengths)
    plan = BatchPlan(
        lengths=rows.lengths,
        weights=rows.weights,
        padded=True,
        global_batch_size=6,
        micro_batch_tokens=budget,
        world_size=1,
        epochs=1,
        seed=0,
    )
    module = KtoModule(
        load_model(ModelConfig(path=str(tiny_directory))),
        CONFIG,
        Optimisation(learning_rate=1e-3, total_steps=1, optimiser=OptimiserConfig()),
        rows,
    )
    sizes: list[int] = []

    def recorded(self: KtoModule, batches: list[KtoBatch]) -> torch.Tensor:
        for batch in batches:
            assert isinstance(batch.rows, Batch)
            sizes.append(batch.rows.input_ids.numel())
        return kl_sums(self, batches)

    kl_sums = KtoModule.kl_sums
    monkeypatch.setattr(KtoModule, "kl_sums", recorded)
    loader = PlanLoader(plan, 0, rows.collate)
    module.trainer = cast(
        Any,
        SimpleNamespace(
            train_dataloader=loader, current_epoch=0, accumulate_grad_batches=1, world_size=1
        ),
    )
    module._kl_of_step(rows, 0)
    assert plan.accumulation == 1
    assert len(sizes) > 1
    assert max(sizes) <= budget


def test_a_fit_measures_the_reference_point_of_whole_steps_and_learns_the_labels(
    tiny_directory: Path, tokenizer: Any, tmp_path: Path
) -> None:
    from train.engine.trainer import Observers, batch_plan, fit

    # Mostly what is desirable: its completions become likely after any prompt, so the KL rises
    # above 0.
    config_kto, finals = (
        DpoConfig(loss="kto", learning_rate=5e-3, beta=0.5, undesirable_weight=0.1),
        {},
    )
    for tokens in (60, 10_000):
        reference = load_model(ModelConfig(path=str(tiny_directory)))
        rows = rows_of(tokenizer)
        config = TrainerConfig(accelerator="cpu", precision="32-true", micro_batch_tokens=tokens)
        plan = batch_plan(rows, config, global_batch_size=3, epochs=4, seed=0)
        model = adapt(reference, AdapterConfig(kind="lora", rank=4, alpha=8), seed=0)
        optimisation = Optimisation(
            learning_rate=config_kto.learning_rate,
            total_steps=4 * plan.steps_per_epoch,
            optimiser=OptimiserConfig(warmup=0.0),
        )
        module = KtoModule(model, config_kto, optimisation, rows)
        logger = JsonLinesLogger(tmp_path / f"{tokens}.jsonl")
        work = tmp_path / str(tokens)
        fit(
            module,
            rows,
            config,
            plan,
            Observers(label="kto", callbacks=[ReferencePass(rows, config, work)], loggers=[logger]),
            work=work,
        )
        logged = [json.loads(line) for line in logger.path.read_text().splitlines()]
        # The reference is the policy at step 0.
        assert logged[0]["rewards/chosen"] == pytest.approx(0, abs=1e-5)
        assert logged[-1]["rewards/chosen"] > 0.1
        finals[tokens] = [row["kl"] for row in logged]
    assert finals[60] == pytest.approx(finals[10_000], abs=1e-3)
    assert max(finals[60]) > 0
