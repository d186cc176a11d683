"""Preference optimisation without a run: a model, pairs, and a directory."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.config import AdapterConfig, ModelConfig
from models.loading.inspection import require_model
from models.loading.load import load_model, load_tokenizer, model_location
from models.memory.prepare import prepared_layout
from models.tokens import TokenRow, encode_pair
from records.errors import ArtifactError, RecordError
from records.rows import Pair, read_json_lines
from records.stage_folder import write_json
from train.config import DpoConfig, TrainerConfig
from train.engine.hardware import use_cpu
from train.engine.optimisation import Optimisation


def train_dpo(
    model: str | Path,
    pairs: Sequence[Pair],
    output: str | Path,
    *,
    dpo: DpoConfig | None = None,
    adapter: AdapterConfig | None = None,
    trainer: TrainerConfig | None = None,
    max_length: int = 512,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Train `model` on the pairs; `output` gets `policy/` (and `adapter/`), plain Hugging Face
    directories, `metrics.jsonl`, and `tokens.json`, which counts the pairs that were left out and
    cut.

    The reference is the model as it is, so the loss of the first step is ln 2. One process; a run
    trains on several ranks. Returns the metrics, a row a step. A call that was cut off goes on from
    its last checkpoint. Pairs that cannot be trained on are left out with a UserWarning that counts
    them.
    """
    settings, hardware = dpo or DpoConfig(), trainer or TrainerConfig()
    folder, config = Path(output), _located(str(model))
    # Before a model is loaded: the mistake costs a second here and hours after a training.
    if (folder / "policy").exists():
        raise ArtifactError(f"{folder}: holds a policy already; name a new folder")
    use_cpu(hardware)
    # Lightning and peft take seconds, which only a training must pay.
    from models.adapters.wrapping import adapt  # noqa: PLC0415
    from models.export import export_policy  # noqa: PLC0415
    from models.loading.lineage import Lineage  # noqa: PLC0415
    from train.dpo import DpoModule, DpoRows  # noqa: PLC0415
    from train.engine.loggers import JsonLinesLogger  # noqa: PLC0415
    from train.engine.trainer import Observers, batch_plan, fit  # noqa: PLC0415
    from train.reference import ReferencePass  # noqa: PLC0415

    tokenizer = load_tokenizer(config)
    network = adapt(load_model(config), adapter or AdapterConfig(), seed=seed)
    rows = DpoRows(
        _encoded(tokenizer, pairs, max_length, folder),
        prepared_layout(network, tokenizer.pad_token_id, max_length),
    )
    planned: dict[str, Any] = {"epochs": settings.epochs, "seed": seed}
    plan = batch_plan(rows, hardware, global_batch_size=settings.global_batch_size, **planned)
    optimisation = Optimisation(
        learning_rate=settings.learning_rate,
        total_steps=settings.epochs * plan.steps_per_epoch,
        optimiser=settings.optimiser,
    )
    module = DpoModule(network, settings, optimisation)
    metrics, work = folder / "metrics.jsonl", folder / "work"
    observers = Observers(
        label="dpo",
        # Log-probs of the policy itself, before its first step: that makes the loss there ln 2 for
        # every kind of adapter.
        callbacks=[ReferencePass(rows, hardware, work / "reference")],
        loggers=[JsonLinesLogger(metrics)],
    )
    fit(module, rows, hardware, plan, observers, work=work)
    export_policy(module.model, tokenizer, folder, Lineage(config, None, "auto"))
    return [row for _, row in read_json_lines(metrics)]


def _encoded(
    tokenizer: Any, pairs: Sequence[Pair], max_length: int, folder: Path
) -> list[tuple[TokenRow, TokenRow]]:
    """The pairs that can be trained on, counted in `folder`. Raises RecordError where there is
    none.
    """
    kept = []
    for pair in pairs:
        row = encode_pair(
            tokenizer,
            pair.prompt,
            (pair.chosen, pair.rejected),
            max_length,
            finished=(pair.chosen_finished, pair.rejected_finished),
        )
        if row is not None:
            kept.append(row)
    if not kept:
        raise RecordError(
            f"none of {len(pairs)} pairs can be trained on: too long for max_length={max_length}, "
            "or both sides alike"
        )
    left_out = len(pairs) - len(kept)
    # The names of a run's own file.
    counts = {
        "pairs": len(pairs),
        "dropped_too_long_or_identical_after_cutting": left_out,
        "cut": sum(chosen.truncated for chosen, _ in kept),
        "tokens": sum(len(side.input_ids) for pair in kept for side in pair),
    }
    write_json(folder / "tokens.json", counts)
    if left_out:
        warnings.warn(
            f"{left_out} of {len(pairs)} pairs are left out: too long for max_length={max_length}, "
            "or both sides alike once they are cut; raise max_length to keep more",
            stacklevel=3,
        )
    return kept


def _located(model: str) -> ModelConfig:
    config = ModelConfig(path=model)
    require_model(config, "model")
    return ModelConfig(path=model_location(config))
