"""The least arithmetic that a training step can do, and the rate at which this machine multiplies
matrices.

Floor of a step = its FLOPs / that rate. Counted are the products of the network over every token
that differs (a shared prompt once), attention over the keys each token sees, and the head where a
completion token is predicted; forwards, and backwards for inputs and for the weights that are
trained. Nothing is recomputed, padded or read from memory, so nobody reaches it.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn

from models.adapters.wrapping import unwrapped
from models.layout.packing import Packed

SIDE = {"cpu": 2048, "cuda": 8192}


def step_flops(model: Any, packed: Packed, *, head: bool) -> int:
    """FLOPs of one forward and backward pass of `packed` (a multiplication and an addition count as
    two).

    `head`: whether a language-model head predicts the completions, as in SFT and DPO. LoRA is told
    from full training by what requires grad.
    """
    plain = unwrapped(model)
    output = plain.get_output_embeddings()
    body = []
    for module in plain.modules():
        # A and B of LoRA are linear layers as well: they are among the trained ones.
        if isinstance(module, nn.Linear) and module is not output:
            body.append(module)
    frozen, trained = (
        sum(m.weight.numel() for m in body if m.weight.requires_grad is wanted)
        for wanted in (False, True)
    )
    tokens = packed.input_ids.shape[1]
    # Forwards and for inputs; for weights only where they are trained.
    linear = tokens * 2 * (2 * frozen + 3 * trained)
    config = plain.config.get_text_config()
    width = config.num_attention_heads * (
        # Heads need not be hidden / heads wide, as Gemma's.
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )
    # A token sees its own row up to itself, whatever else is packed beside it: position + 1 keys.
    seen = int((packed.position_ids + 1).sum())
    # Two products forwards, four backwards.
    attention = 3 * 4 * width * seen * config.num_hidden_layers
    predicted = (
        len(packed.targets) * 2 * output.weight.numel() * (3 if output.weight.requires_grad else 2)
        if head
        else 0
    )
    return linear + attention + predicted


def matrix_rate(device: str, dtype: torch.dtype, repeats: int = 5) -> float:
    """FLOPs a second of the best of `repeats` square products on this machine, with the threads
    that torch has now.
    """
    side = SIDE[device]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best = float("inf")
    # One more than asked: the first product pays for set-up, and the best of all counts.
    for _ in range(repeats + 1):
        start = time.perf_counter()
        left @ right
        # Else the clock would stop when the product is launched.
        if device == "cuda":
            torch.cuda.synchronize()
        # The best and no mean: what others do on the machine only ever makes it slower.
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best
