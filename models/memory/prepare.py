"""A model changed in place for training or scoring: every patch of it, in the one order in which
they hold together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from models.layout.collation import Collation, collation
from models.layout.packed_attention import use_packed_attention
from models.memory.compiled_layers import compile_layers, why_not_compiled
from models.memory.fused_lora import fuse_lora
from models.memory.gradient_checkpointing import recompute_layers
from models.memory.lean_layers import keep_less


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a model is prepared for."""

    lean: bool = False
    """Its layers keep less for the backward pass (fused_lora.py, lean_layers.py). Not for ZeRO-3,
    whose weights are there only while their own module runs."""
    compiled: bool = False
    """Its decoder layers are compiled where `why_not_compiled` has no objection, and keep less for
    that reason (compiled_layers.py). Not for ZeRO-3, as above."""
    recompute: bool = False
    """Its layers are computed again in the backward pass (gradient_checkpointing.py)."""
    packed: bool = False
    """It reads packed rows beside ordinary batches, see `layout.collation`."""


READ_ONLY = Options()
"""No backward pass follows."""


def prepare(model: Any, options: Options) -> None:
    """Change the model, which may carry an adapter; it computes what it did.

    A compiler decides by itself what to keep. LoRA layers come first, since `keep_less` tries out
    every norm and MLP as it will run. Recomputation wraps decoder layers that are finished, and
    keeps nothing of an MLP anyway. Raises ModelError where the architecture does not take a patch.
    """
    compiled = options.compiled and not why_not_compiled(model, packed=options.packed)
    if options.lean or compiled:
        # For compiled layers too: with peft's own forward they are slower and keep more
        # (docs/speed.md).
        fuse_lora(model)
    if compiled:
        compile_layers(model)
    elif options.lean:
        keep_less(model, mlps=not options.recompute)
    if options.recompute:
        recompute_layers(model)
    if options.packed:
        use_packed_attention(model)


def prepared_layout(
    model: Any, pad_token_id: int, max_length: int, options: Options = READ_ONLY
) -> Collation:
    """How rows of up to `max_length` tokens become batches of this model, which is prepared to read
    them and for `options`.
    """
    layout = collation(model, pad_token_id, max_length)
    prepare(model, replace(options, packed=layout.why_padded is None))
    return layout
