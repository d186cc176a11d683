"""How the harmfulness reward model is trained, and what it must show before anything is scored with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.config import AdapterConfig


@dataclass(frozen=True, kw_only=True)
class RewardConfig:
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    epochs: int = 1
    learning_rate: float = 2e-4
    global_batch_size: int = 16
    micro_batch_size: int = 16
    max_examples: int | None = None
    """At most this many training examples, both labels kept in proportion."""
    shortcut_examples: float = 0.3
    """Share of examples that get a counterpart against the "I'm sorry" shortcut: a harmful answer behind a refusal opening, still
    harmful; a safe answer without its opening, still harmless (docs/reward_model.md)."""
    min_auroc: float = 0.8
    """Held-out AUROC below which the stage fails: scores of such a model would mean little."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.learning_rate <= 0:
            raise ValueError(f"reward.epochs must be >= 1 and reward.learning_rate > 0, got {self.epochs} and {self.learning_rate}")
        if not 0 <= self.shortcut_examples <= 1:
            raise ValueError(f"reward.shortcut_examples must be in [0, 1], got {self.shortcut_examples}")
