"""Fine-tuning on benign rows, in memory alone: what a well-meaning user does, and what undoes
safety.

A loop of its own rather than the trainer of train/, which writes checkpoints: no tampered weight
may reach a disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from eval.tamper.config import TamperConfig
from models.adapters.wrapping import adapt, merge
from models.config import AdapterConfig
from models.layout.collation import Collation
from models.layout.logps import per_token_logps
from models.tokens import TokenRow

CLIP = 1.0
"""Largest norm of a step's gradient."""


def fine_tuned(
    model: Any,
    rows: Sequence[TokenRow],
    layout: Collation,
    config: TamperConfig,
    *,
    seed: int,
    dtype: torch.dtype,
) -> Any:
    """The model after `config.steps` steps on the rows, its adapter merged; consumes `model`.

    The loss is the mean negative log-probability of a completion token, as in SFT.
    """
    adapter = AdapterConfig(rank=config.rank, alpha=2 * config.rank)
    # In float32: AdamW's small steps are lost in 16 bits, and the attack would look weaker than it
    # is.
    adapted = adapt(model.float().requires_grad_(False), adapter, seed=seed)
    trained = []
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            trained.append(parameter)
    optimiser = torch.optim.AdamW(trained, lr=config.learning_rate)
    # No warm-up, schedule or validation: this is a user's quick fine-tuning and not the best one.
    for chosen in _batches(len(rows), config.batch_size, config.steps, seed):
        batch = layout([rows[place] for place in chosen]).to(model.device)
        logps, _ = per_token_logps(adapted, batch)
        (-logps.mean()).backward()
        # One odd row must not wreck the model: a broken policy would pass for one that withstood.
        torch.nn.utils.clip_grad_norm_(trained, CLIP)
        optimiser.step()
        optimiser.zero_grad()
    # In the policy's own type, so that both are measured in the same arithmetic.
    return merge(adapted, dtype)


def _batches(count: int, size: int, steps: int, seed: int) -> Iterator[list[int]]:
    """Each row once before any a second time, in an order that depends on the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    waiting: list[int] = []
    for _ in range(steps):
        # A batch may be larger than the set, which then is gone through more than once.
        while len(waiting) < size:
            waiting += torch.randperm(count, generator=generator).tolist()
        yield waiting[:size]
        waiting = waiting[size:]
