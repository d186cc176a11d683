"""What of medical capability is measured, and by how much it may fall."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from records.setting_ranges import MANY, Ranged, ranged

TaskFormat = Literal["medqa", "medmcqa", "pubmedqa", "mmlu", "choices"]


@dataclass(frozen=True, kw_only=True)
class CapabilityTaskConfig(Ranged):
    """One multiple-choice set in files of the user's own; nothing is ever trained on it."""

    name: str = ""
    format: TaskFormat = "choices"
    """How its files are laid out: medqa and medmcqa (JSON Lines), pubmedqa (ori_pqal.json with
    test_ground_truth.json beside it), mmlu (a folder of SUBJECT_test.csv), or choices (JSON Lines
    with context, choices and the place of the right one, gold)."""
    path: str = ""
    limit: int | None = ranged(None, at_least=2, at_most=MANY, why="one item has no interval")
    """Items at even distances of those there are."""
    optional: bool = False
    """Leave the task out, saying so, when its file is not there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.name or not self.path:
            raise ValueError("eval.capability.tasks: each needs a name and a path")


@dataclass(frozen=True, kw_only=True)
class CapabilityConfig(Ranged):
    """Is the medicine still there?

    By log-likelihood of options, and by perplexity (docs/capability.md).

    "Retained" is said where the lower end of the interval of the paired change lies above minus the
    margin, which stands here before anything is measured.
    """

    tasks: list[CapabilityTaskConfig] = field(default_factory=list)
    held_out_texts: int = ranged(0, at_least=0, at_most=MANY)
    """How many of the run's held-out reference completions to benign prompts perplexity is measured
    on; 0 leaves it out."""
    margin: float = ranged(0.02, above=0, at_most=1)
    """By how much accuracy may fall at most, as a share of the items (0.02: two points)."""
    perplexity_margin: float = ranged(0.05, above=0, at_most=100)
    """By how much perplexity may rise at most, as a share of the base's (0.05: five per cent)."""
    engine: Literal["primum", "lm_eval"] = "primum"
    """What computes log-likelihoods: Primum itself, on packed rows, or lm-evaluation-harness
    (`pip install lm_eval`). The two give the same accuracies."""
    batch_tokens: int = ranged(4096, at_least=16, at_most=MANY)
    """Tokens that go through the model at once; of a longer item as many as it has."""

    @property
    def is_wanted(self) -> bool:
        """Whether anything of capability is measured."""
        return bool(self.tasks) or self.held_out_texts > 0
