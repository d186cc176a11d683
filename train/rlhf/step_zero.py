"""The policy as it was at step 0, put in the place of the trained one for a pass of the reference.

Whatever the adapter is, the reference is what the policy was at step 0. Trained tensors alone are
kept: of LoRA megabytes, of full training a copy of the weights, in the host's memory, on each rank
of the share that it holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


class StepZero:
    """Call `remember` before a checkpoint is loaded, on every rank."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    @property
    def known(self) -> bool:
        """Whether the weights of step 0 are kept."""
        return bool(self._kept)

    def remember(self, model: Any) -> None:
        """Keep the trained weights as they are now."""
        for name, parameter in _trained(model):
            with _whole(parameter):
                self._kept[name] = _held(parameter).detach().to("cpu", copy=True)

    @contextmanager
    def put_in(self, model: Any) -> Iterator[None]:
        """Within it the model computes what it did at step 0; after it, to the bit what it did
        before.
        """
        self._exchange(model)
        try:
            yield
        finally:
            self._exchange(model)

    @torch.no_grad()
    def _exchange(self, model: Any) -> None:
        for name, parameter in _trained(model):
            with _whole(parameter, changed=True):
                held = _held(parameter)
                # Exchanged and not copied in: the trained weights need a place meanwhile, and the
                # kept ones have it.
                other = self._kept[name].to(held.device, copy=True)
                self._kept[name].copy_(held)
                held.copy_(other)


def _trained(model: Any) -> Iterator[tuple[str, Any]]:
    return (
        (name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad
    )


def _held(parameter: Any) -> Tensor:
    """What this rank holds of a parameter: ZeRO-3's share, or all of it."""
    # A share is enough: every rank exchanges its own, and ZeRO-3 gathers the exchanged ones.
    return parameter.ds_tensor if _is_shared(parameter) else parameter.detach()


def _is_shared(parameter: Any) -> bool:
    return hasattr(parameter, "ds_id") and not parameter.ds_persist


@contextmanager
def _whole(parameter: Any, *, changed: bool = False) -> Iterator[None]:
    """Small parameters, which ZeRO-3 leaves gathered between passes, are whole within it; all
    others stay as they are.
    """
    if not hasattr(parameter, "ds_id") or not parameter.ds_persist:
        yield
        return
    # Importing DeepSpeed costs seconds.
    from train.engine.deepspeed_strategy import gathered  # noqa: PLC0415

    with gathered([parameter], modifier_rank=0 if changed else None):
        yield
