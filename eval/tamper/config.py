"""Does the safety survive somebody who has the weights? What is tried, and with how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from records.setting_ranges import MANY, Ranged, ranged


@dataclass(frozen=True, kw_only=True)
class TamperConfig(Ranged):
    """Two attacks that anybody with the weights can make in minutes (docs/tamper.md).

    They change the policy in memory alone; no tampered weight is ever written."""

    enabled: bool = False
    """Measure the released policy again after each attack: a stage of its own, `tamper`, before
    eval. Without a run, the last model of a measurement."""
    steps: int = ranged(50, at_least=1, at_most=100_000)
    """Optimiser steps of LoRA fine-tuning on benign questions and their completions."""
    learning_rate: float = ranged(5e-4, above=0, at_most=1)
    batch_size: int = ranged(8, at_least=1, at_most=65536)
    """Rows of a step."""
    rank: int = ranged(16, at_least=1, at_most=16384)
    """Of the LoRA update; its alpha is twice as much."""
    medquad_path: str | None = None
    """A folder of MedQuAD's XML files to fine-tune on; null takes the run's own benign training
    rows, and without a run the project's."""
    direction_prompts: int = ranged(64, at_least=2, at_most=MANY)
    """Harmful, and as many benign, training prompts whose hidden states give the refusal
    direction."""
    prompts_per_suite: int = ranged(64, at_least=2, at_most=MANY, why="one prompt has no interval")
    """Test prompts of every suite that the tampered policy is measured on, at even distances."""
