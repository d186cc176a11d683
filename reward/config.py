"""How the harmfulness reward model is trained, and what it must show before anything is scored with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.config import AdapterConfig


@dataclass(frozen=True, kw_only=True)
class RewardConfig:
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    layers: int | None = None
    """Keep this many of the language model's layers, the first ones (None: all). Two thirds tell harm best in SmolLM2, and score faster."""
    epochs: int = 1
    """Of fine-tuning, once the head is fitted on the frozen layers. 0 leaves it at that, which costs nothing where examples are few."""
    learning_rate: float = 5e-5
    global_batch_size: int = 16
    max_examples: int | None = None
    """At most this many training examples, both labels kept in proportion."""
    shortcut_examples: float = 0.3
    """Share of examples that get a counterpart against the "I'm sorry" shortcut: a harmful answer behind a refusal opening, still
    harmful; a safe answer without its opening, still harmless (docs/reward_model.md)."""
    min_auroc: float = 0.8
    """The lower end of the held-out AUROC's interval below which the stage fails: scores of such a model would mean little."""

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.learning_rate <= 0:
            raise ValueError(f"reward.epochs must be >= 0 and reward.learning_rate > 0, got {self.epochs} and {self.learning_rate}")
        if self.global_batch_size < 1 or (self.max_examples is not None and self.max_examples < 2):
            raise ValueError(
                f"reward.global_batch_size must be at least 1 and reward.max_examples at least 2, or null for all, got {self.global_batch_size} "
                f"and {self.max_examples}"
            )
        if self.layers is not None and self.layers < 1:
            raise ValueError(f"reward.layers must be at least 1, or null for all, got {self.layers}")
        if not 0 <= self.shortcut_examples <= 1:
            raise ValueError(f"reward.shortcut_examples must be in [0, 1], got {self.shortcut_examples}")
