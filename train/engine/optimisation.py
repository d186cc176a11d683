"""How a training's weights move: what a config says of it for each method, and what a module is
given.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from records.setting_ranges import Ranged, ranged


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig(Ranged):
    """AdamW with a warm-up and a cosine; the learning rate stands beside it."""

    weight_decay: float = ranged(0.0, at_least=0, at_most=1)
    """AdamW's decay of the weights."""
    warmup: float = ranged(0.1, at_least=0, below=1)
    """Share of all steps over which the learning rate rises; a cosine brings it to zero after
    that."""
    gradient_clip_norm: float = ranged(1.0, above=0, at_most=1_000_000)
    """Largest norm of a step's gradient."""


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """Of one training, whose number of steps is known."""

    learning_rate: float
    total_steps: int
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
