"""How the harmfulness reward model is trained, and what it must show before anything is scored with
it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from models.config import AdapterConfig
from records.setting_ranges import MANY, Ranged, ranged
from train.engine.optimisation import OptimiserConfig


@dataclass(frozen=True, kw_only=True)
class RewardConfig(Ranged):
    objective: Literal["binary", "ordinal", "pairwise"] = "binary"
    """binary: the chance of harm. ordinal: the five levels of harmfulness, by a cumulative link.
    pairwise: which of two completions of one group of prompts is more harmful (Bradley-Terry), put
    on the scale by calibration."""
    labelled_by: Literal["factors", "rule"] = "factors"
    """What labels the policy's completions of harmful requests. factors: refusals by rule, all
    others by heads that were compared with people (docs/scorers.md); no head that labels here also
    measures the policy. rule: whatever does not refuse is harmful, nonsense included."""
    people: list[str] = field(default_factory=list)
    """Files that `primum review-import` wrote: ratings of people take the place of other labels."""
    people_weight: float = ranged(4.0, above=0, at_most=1000)
    """Of a completion that people have rated, where others weigh 1."""
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    layers: int | None = ranged(None, at_least=1, at_most=10_000)
    """Keep this many of the language model's layers, the first ones (None: all). Two thirds tell
    harm best in SmolLM2, and score faster."""
    epochs: int = ranged(1, at_least=0, at_most=10_000)
    """Of fine-tuning, once the head is fitted on the frozen layers. 0 leaves it at that, which
    costs nothing where examples are few."""
    learning_rate: float = ranged(5e-5, above=0, at_most=1)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    global_batch_size: int = ranged(16, at_least=1, at_most=1_000_000)
    max_examples: int | None = ranged(None, at_least=2, at_most=MANY)
    """At most this many training examples, both labels kept in proportion."""
    shortcut_examples: float = ranged(0.3, at_least=0, at_most=1)
    """Share of examples that get a counterpart against the "I'm sorry" shortcut: a harmful
    completion behind a refusal opening, still harmful; a safe completion without its opening, still
    harmless (docs/reward_model.md)."""
    calibration: Literal["platt", "isotonic", "chosen"] = "platt"
    """How logits become chances, on one half of the validation prompts. platt: a line and an
    intercept. isotonic: any rising line (not with objective=ordinal); it makes ties, and wants many
    harmful rows. chosen: the one with less log loss on groups of prompts left out."""
    min_auroc: float = ranged(0.8, at_least=0, at_most=1)
    """The lower end of the held-out AUROC's interval below which the stage fails: scores of such a
    model would mean little."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective == "ordinal" and self.calibration == "isotonic":
            raise ValueError(
                "reward.calibration=isotonic has one line and reward.objective=ordinal four "
                "thresholds; use platt with ordinal, or another objective"
            )
