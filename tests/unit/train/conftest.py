"""Small training problems: rows of the tiny tokenizer, and a fit that can be killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
import torch
from present import present

from models.layout.collation import padded
from models.tokens import TokenRow
from records.rows import assistant, user
from train.engine.optimisation import Optimisation, OptimiserConfig

torch.set_num_threads(1)  # tiny matrices: threads cost more than they bring

QUESTIONS = (
    "What is asthma?",
    "How much water should I drink?",
    "My knee hurts after running, why?",
    "Is ibuprofen safe with wine?",
)
ANSWERS = (
    "Asthma narrows the airways.",
    "It depends on heat and work.",
    "Rest it for a week, then see a doctor.",
    "No. Ask a pharmacist first.",
)


@pytest.fixture(scope="session")
def make_rows(tokenizer: Any) -> Callable[[int], list[TokenRow]]:
    """n demonstrations of different lengths, tokenised."""
    from models.tokens import encode

    def make(count: int) -> list[TokenRow]:
        texts = [
            (f"{QUESTIONS[i % 4]} ({i})", " ".join(ANSWERS[(i + k) % 4] for k in range(1 + i % 3)))
            for i in range(count)
        ]
        return [present(encode(tokenizer, user(q), assistant(a), 256)) for q, a in texts]

    return make


@pytest.fixture(scope="session")
def make_pairs(tokenizer: Any) -> Callable[[int], list[tuple[TokenRow, TokenRow]]]:
    """n preference pairs of different lengths, tokenised."""
    from models.tokens import encode_pair

    def make(count: int) -> list[tuple[TokenRow, TokenRow]]:
        sides = [
            (
                assistant(f"I will not do that. {ANSWERS[i % 4]}"),
                assistant(f"Sure, step {i}: " + "do it. " * (1 + i % 4)),
            )
            for i in range(count)
        ]
        return [
            present(encode_pair(tokenizer, user(f"{QUESTIONS[i % 4]} ({i})"), side, 256))
            for i, side in enumerate(sides)
        ]

    return make


class Fitted(NamedTuple):
    module: Any
    metrics: list[dict[str, float]]

    @property
    def tensors(self) -> dict[str, Any]:
        from models.adapters.trained import trainable_state

        return {name: tensor.clone() for name, tensor in trainable_state(self.module.model).items()}


@pytest.fixture
def fit_sft(
    tiny_directory: Path, tokenizer: Any, make_rows: Callable[[int], list[TokenRow]]
) -> Callable[..., Fitted]:
    """Runs an SFT stage's fit as pipeline does, resuming from `work`."""

    def run(
        work: Path,
        *,
        kind: str = "lora",
        rows: int = 20,
        epochs: int = 2,
        logger: Any = None,
        **options: Any,
    ) -> Fitted:
        from train.sft import SftModule, SftRows

        return _fit(
            tiny_directory,
            work,
            SftRows(make_rows(rows), padded(tokenizer.pad_token_id)),
            SftModule,
            kind,
            epochs,
            logger,
            **options,
        )

    return run


@pytest.fixture
def fit_dpo(
    tiny_directory: Path,
    tokenizer: Any,
    make_pairs: Callable[[int], list[tuple[TokenRow, TokenRow]]],
) -> Callable[..., Fitted]:
    """Runs a DPO stage's fit as pipeline does; the reference is the policy at step 0."""

    def run(
        work: Path,
        *,
        kind: str = "lora",
        pairs: int = 8,
        epochs: int = 1,
        directory: Path = tiny_directory,
        config: Any = None,
        groups: Any = (),
        limit: Any = None,
        **options: Any,
    ) -> Fitted:
        from models.adapters.wrapping import adapt
        from models.config import AdapterConfig, ModelConfig
        from models.loading.load import load_model
        from train.config import DpoConfig, TrainerConfig
        from train.dpo import DpoModule, DpoRows
        from train.reference import reference_logps

        encoded = make_pairs(pairs)
        starting = adapt(
            load_model(ModelConfig(path=str(directory))),
            AdapterConfig(kind=kind, rank=4, alpha=8),
            seed=0,
        )
        trainer = TrainerConfig(accelerator="cpu", precision=options.get("precision", "32-true"))
        logps = reference_logps(starting, encoded, padded(tokenizer.pad_token_id), trainer, None)

        config = config or DpoConfig(learning_rate=1e-3)

        def module_of(model: Any, optimisation: Optimisation) -> DpoModule:
            return DpoModule(model, config, optimisation, limit=limit)

        rows = DpoRows(encoded, padded(tokenizer.pad_token_id), logps, groups)
        options = {"learning_rate": config.learning_rate, **options}
        return _fit(directory, work, rows, module_of, kind, epochs, None, **options)

    return run


def _fit(
    directory: Path,
    work: Path,
    rows: Any,
    module_of: Any,
    kind: str,
    epochs: int,
    logger: Any,
    *,
    learning_rate: float = 1e-2,
    global_batch_size: int = 4,
    micro_batch_tokens: int = 150,
    every: int = 2,
    callbacks: Any = (),
    precision: Literal["32-true", "bf16-mixed"] = "32-true",
) -> Fitted:
    from eval.scoreboard_shape import read_scoreboard
    from models.adapters.wrapping import adapt
    from models.config import AdapterConfig, ModelConfig
    from models.loading.load import load_model
    from train.config import TrainerConfig
    from train.engine.checkpoint_files import settle
    from train.engine.loggers import JsonLinesLogger, forget_metrics_after
    from train.engine.trainer import Observers, batch_plan, fit, resumed_step

    config = TrainerConfig(
        accelerator="cpu",
        precision=precision,
        checkpoint_every_steps=every,
        micro_batch_tokens=micro_batch_tokens,
    )
    plan = batch_plan(rows, config, global_batch_size=global_batch_size, epochs=epochs, seed=0)
    model = adapt(
        load_model(ModelConfig(path=str(directory))),
        AdapterConfig(kind=kind, rank=4, alpha=8),
        seed=0,
    )
    optimisation = Optimisation(
        learning_rate=learning_rate,
        total_steps=epochs * plan.steps_per_epoch,
        optimiser=OptimiserConfig(weight_decay=0.01, warmup=0.2),
    )
    module = module_of(model, optimisation)
    work.mkdir(parents=True, exist_ok=True)
    metrics = work / "metrics.jsonl"
    settle(work / "checkpoints")
    forget_metrics_after(
        metrics, resumed_step(work), len(read_scoreboard(work / "scoreboard.jsonl"))
    )
    loggers = [(logger or JsonLinesLogger)(metrics)]
    within = next((callback.steps for callback in callbacks if getattr(callback, "steps", ())), ())
    options = {"callbacks": list(callbacks), "loggers": loggers, "measured_within": within}
    fit(module, rows, config, plan, Observers(label="test", **options), work=work)
    return Fitted(module, [json.loads(line) for line in metrics.read_text().splitlines()])
