"""Policies as directories: which one a stage starts from, and how it is put on a device to
generate.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from models.adapters.registry import adapter_of
from models.adapters.wrapping import adapt, adapter_on, merge
from models.config import (
    AdapterConfig,
    EngineName,
    GenerationConfig,
    ModelConfig,
)
from models.engines.generate import generation_dtype
from models.engines.vllm_engine import VllmEngine
from models.layout.collation import Collation
from models.loading.copies import plain_copy
from models.loading.footprint import COPY_SHARE
from models.loading.inspection import require_model
from models.loading.lineage import Lineage
from models.loading.load import load_model, load_model_as, model_location, skeleton
from models.memory.compiled_layers import why_not_compiled
from models.memory.prepare import Options, prepared_layout
from pipeline.policy_recipe import PolicyToTrain, TrainingSettings
from pipeline.run.place import Place
from pipeline.run.views import AdaptedModel, Writes
from records.run_files import ADAPTER
from train.config import TrainerConfig, loads_sharded, under_slurm
from train.engine.hardware import compiles, uses_gpu

TokenizerOf = Callable[[ModelConfig], Any]
"""Reads a model's tokenizer; a stage that needs one in several places remembers what it read."""


def base_config(base: ModelConfig) -> ModelConfig:
    """The base policy, located: an embedded default becomes the directory it was unpacked to."""
    require_model(base)
    return replace(base, path=model_location(base))


def policy_of(base: ModelConfig, folder: Path) -> ModelConfig:
    """The merged policy that a training stage of that base left there, chat template and all."""
    # The revision is that of the base on the hub, and means nothing for a folder of the run.
    return replace(base, path=str(folder), revision=None)


def lineage(model: AdaptedModel, before: Path | None) -> Lineage:
    """What a policy is trained from: the run's base, by way of the policy that the stage in
    `before` left, None for the base itself.
    """
    keeps_base = adapter_of(model.adapter).keeps_base
    # A full training has no adapter to go on from: its weights are the policy.
    earlier = before / ADAPTER.name if before and keeps_base else None
    return Lineage(model.base, earlier, model.export_dtype)


def device(trainer: TrainerConfig) -> torch.device:
    """This rank's GPU among those that it sees, or the CPU."""
    if not uses_gpu(trainer):
        return torch.device("cpu")
    # Under Slurm a task may see one GPU alone, which is then number 0 for every rank.
    return torch.device("cuda", _local_rank(trainer) % max(1, torch.cuda.device_count()))


def _local_rank(trainer: TrainerConfig) -> int:
    """Of this process on its node."""
    # A single process takes the first GPU, whatever a launcher has left in the environment.
    return (
        int(os.environ.get("SLURM_LOCALID") or os.environ.get("LOCAL_RANK") or 0)
        if trainer.world_size > 1
        else 0
    )


def training_layout(
    model: Any,
    tokenizer: Any,
    trainer: TrainerConfig,
    max_length: int,
    say: Callable[[str], None],
) -> Collation:
    """Make an adapted model train as fast as its architecture allows; returns how its rows become
    batches.
    """
    options = Options(
        lean=not loads_sharded(trainer),
        compiled=compiles(trainer),
        recompute=trainer.gradient_checkpointing,
    )
    layout = prepared_layout(model, tokenizer.pad_token_id, max_length, options)
    if layout.why_padded:
        say(layout.why_padded)
    why = options.compiled and why_not_compiled(model, packed=layout.why_padded is None)
    if why:
        say(f"layers are not compiled: {why}")
    return layout


def policy_to_train(
    settings: TrainingSettings, start: ModelConfig, tokenizer: Any, say: Callable[[str], None]
) -> PolicyToTrain:
    """The model with its adapter, how its rows are laid out, and how sharded ranks read it."""

    def build(model: Any, say: Callable[[str], None]) -> tuple[Any, Collation]:
        adapted = adapt(model, settings.model.adapter, seed=settings.seed)
        trainer, max_length = settings.trainer, settings.model.max_length
        return adapted, training_layout(adapted, tokenizer, trainer, max_length, say)

    if not loads_sharded(settings.trainer):
        return PolicyToTrain(*build(load_model(start), say), None)
    # Sharded ranks begin without weights: each would otherwise hold a whole copy before it is cut.
    return PolicyToTrain(
        *build(skeleton(start), say), lambda: build(load_model(start), lambda text: None)[0]
    )


def generating(trainer: TrainerConfig, model: ModelConfig, generation: GenerationConfig) -> Any:
    """The model, ready to generate in the run's one generation dtype."""
    spread = spread_over_gpus(trainer)
    # Frozen: nothing that generates may gather gradients.
    loaded = load_model_as(generation_dtype(generation), model, **spread).requires_grad_(False)
    return loaded if spread else loaded.to(device(trainer))


@contextmanager
def answering(
    config: Writes,
    place: Place,
    model: ModelConfig,
    generation: GenerationConfig,
    engine: EngineName,
    tokenizer_of: TokenizerOf,
) -> Iterator[tuple[Any, Any]]:
    """(model, tokenizer) for as long as a stage lets a policy complete prompts, by the engine that
    the stage is configured for.
    """
    if engine == "transformers":
        yield generating(config.trainer, model, generation), tokenizer_of(model)
        return
    log = place.work / f"vllm.{place.share.rank}.log"
    with VllmEngine(
        config.model.vllm,
        model,
        generation_dtype(generation),
        gpus=own_gpus(config.trainer),
        log=log,
    ) as policy:
        yield policy, tokenizer_of(model)


def own_gpus(trainer: TrainerConfig) -> list[int]:
    """The GPUs that this rank may use, of those that it sees: all its own under Slurm and alone,
    else one.
    """
    if not uses_gpu(trainer):
        return []
    # torchrun shows all GPUs to every rank; Slurm has divided them already.
    if trainer.world_size > 1 and not under_slurm(os.environ):
        return [int(device(trainer).index)]
    own = torch.cuda.device_count() // trainer.devices
    return list(range(own * _local_rank(trainer), own * (_local_rank(trainer) + 1))) or [
        int(device(trainer).index)
    ]


def spread_over_gpus(trainer: TrainerConfig) -> dict[str, Any]:
    """from_pretrained's options for a rank that has several GPUs for itself: filled one after the
    other, so that a model which fits one stays there.
    """
    own = own_gpus(trainer)
    if len(own) < 2:
        return {}
    # Not all of it: completions need room for their cache beside the weights.
    sizes = {gpu: torch.cuda.get_device_properties(gpu).total_memory for gpu in own}
    return {
        "device_map": "sequential",
        "max_memory": {gpu: int(COPY_SHARE * size) for gpu, size in sizes.items()},
    }


def trained_policy(
    start: ModelConfig,
    adapter: AdapterConfig,
    state: dict[str, torch.Tensor],
    *,
    seed: int,
    known: Any = None,
) -> Any:
    """The starting policy with trained tensors put in, adapter still apart; of `known`, a model
    that began as it, where there is one.
    """
    base = load_model(start) if known is None else plain_copy(known, start)
    model = adapt(base, adapter, seed=seed)
    adapter_on(model).restore(model, state)
    return model.eval()


def trained_for_generation(
    settings: TrainingSettings,
    start: ModelConfig,
    state: dict[str, torch.Tensor],
    known: Any = None,
) -> Any:
    """The policy with trained tensors put in, merged, where and in what type it generates; without
    any it is the starting policy.
    """
    if state:
        trained = trained_policy(
            start, settings.model.adapter, state, seed=settings.seed, known=known
        )
        return merge(trained, generation_dtype(settings.generation)).to(device(settings.trainer))
    return starting_policy(settings.trainer, start, settings.generation, known)


def starting_policy(
    trainer: TrainerConfig, start: ModelConfig, generation: GenerationConfig, known: Any = None
) -> Any:
    """What `generating` gives, of `known`, a model that began as it, where there is one."""
    if known is None or spread_over_gpus(trainer):
        return generating(trainer, start, generation)
    plain = plain_copy(known, start).to(generation_dtype(generation))
    return plain.requires_grad_(False).to(device(trainer))
