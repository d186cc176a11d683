"""What rlhf takes of GPUs, host and time, beside what every training takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from models.loading.footprint import Shape, measuring_bytes
from pipeline.run.config import RunConfig
from records.errors import PrimumError
from train.config import loads_sharded
from train.rlhf.plan import shares

PROMPT_TOKENS = 128
"""Of a prompt, with its chat format, for the cache of completions."""


def is_online(config: RunConfig) -> bool:
    """Whether the run trains online."""
    return config.rlhf.starts_from != "none"


def drawing_bytes(config: RunConfig, shape: Shape) -> dict[str, float]:
    """What every rank holds besides its training while it draws and scores; the copy stays through
    the whole stage.
    """
    return measuring_bytes(
        shape,
        reward_layers=config.reward.layers,
        rows=config.rlhf.generation.batch_size,
        tokens=config.rlhf.generation.max_new_tokens + PROMPT_TOKENS,
        whole_copy=not loads_sharded(config.trainer),
    )


def kept_bytes(config: RunConfig, shape: Shape) -> float:
    """In a node's memory: the trained tensors of step 0, of each rank its share."""
    share = config.trainer.world_size if loads_sharded(config.trainer) else 1
    # 4 bytes: the trained tensors are kept in float32, whatever the passes use.
    return config.trainer.devices * 4.0 * shape.trained / share


def operations(config: RunConfig, shape: Shape, prompt_tokens: float) -> float:
    """Of the whole training: every completion is drawn, read by reference and policy, and learned
    from.
    """
    rlhf = config.rlhf
    drawn = rlhf.num_generations * rlhf.generation.max_new_tokens
    packed = prompt_tokens + drawn
    training = 2.0 * (
        2 + (shape.trained == shape.parameters) + config.trainer.gradient_checkpointing
    )
    # 2 operations a parameter and token for a forward pass: one to draw, one for the reference;
    # training has its own factor.
    a_prompt = 2.0 * (prompt_tokens + drawn) + 2.0 * packed + training * packed
    return rlhf.steps * rlhf.prompts_per_step * shape.parameters * a_prompt


def prompt_faults(config: RunConfig, available: dict[str, int]) -> list[str]:
    """Kinds of prompts that a step takes more of than there are, or a limit without benign
    prompts.
    """
    if not is_online(config):
        return []
    mix = config.rlhf.mix
    wanted = {"harmful": mix.harmful, "benign": mix.twins + mix.questions}
    empty = [kind for kind, count in available.items() if not count]
    if empty:
        return [
            f"rlhf: no {' and no '.join(empty)} training prompts; give sources that have them, or "
            "set rlhf.starts_from=none"
        ]
    try:
        shares(wanted, available, config.rlhf.prompts_per_step)
    except PrimumError as error:
        return error.faults
    return []


def described(config: RunConfig, lengths: Sequence[int]) -> list[str]:
    """One line on its steps, from prompts' lengths in tokens."""
    if not is_online(config) or not lengths:
        return []
    rlhf, trainer = config.rlhf, config.trainer
    tokens = median(lengths) + rlhf.num_generations * rlhf.generation.max_new_tokens
    parts = math.ceil(
        rlhf.prompts_per_step * tokens / trainer.micro_batch_tokens / trainer.world_size
    )
    return [
        f"rlhf: {rlhf.steps} steps of {rlhf.prompts_per_step} prompts with {rlhf.num_generations} "
        f"completions each, about {parts} micro-batch(es) a step on each rank, measured every "
        f"{rlhf.measure_every} steps"
    ]
