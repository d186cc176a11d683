"""Trained tensors by name, whole, wherever ranks hold them."""

from __future__ import annotations

import pytorch_lightning as pl
from torch import Tensor

from models.adapters.wrapping import adapter_on
from models.ranks import is_sharded


def state_of(module: pl.LightningModule) -> dict[str, Tensor]:
    """The trained tensors, whole.

    Where they are sharded all ranks must call it, and rank 0 alone gets them, one after the other.
    """
    if not is_sharded(module.model):
        return adapter_on(module.model).state(module.model)
    # Importing DeepSpeed costs seconds.
    from train.engine.deepspeed_strategy import gathered  # noqa: PLC0415

    whole = {}
    for name, parameter in module.model.named_parameters():
        if parameter.requires_grad:
            # One at a time: together they would be the whole model on every rank.
            with gathered([parameter]):
                if module.trainer.is_global_zero:
                    whole[name] = parameter.detach().cpu().clone()
    return whole
