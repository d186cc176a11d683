"""How a policy is trained online, under a limit on over-refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from models.config import EngineName, GenerationConfig
from records.setting_ranges import MANY, Ranged, ranged
from train.engine.optimisation import OptimiserConfig


@dataclass(frozen=True, kw_only=True)
class MixConfig(Ranged):
    """What each step asks, in parts: 2, 1 and 1 are half harmful prompts, a quarter twins, a
    quarter questions.
    """

    harmful: int = ranged(
        2, at_least=1, at_most=1000, why="without harmful prompts there is no harm to lower"
    )
    twins: int = ranged(1, at_least=0, at_most=1000)
    """Benign prompts that are worded like harmful ones. They are what a policy refuses by mistake,
    so most of the limit's force is here."""
    questions: int = ranged(1, at_least=0, at_most=1000)
    """Other benign prompts, as patients ask them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.twins + self.questions:
            raise ValueError(
                "rlhf.mix has no benign prompts (twins 0, questions 0): no limit on over-refusal "
                "could be held; set one of them"
            )


@dataclass(frozen=True, kw_only=True)
class LimitConfig(Ranged):
    """Over-refusal, and how the multiplier of each benign suite follows it
    (train/multipliers.py).
    """

    over_refusal: float = ranged(0.1, at_least=0, at_most=1)
    """How far over-refusal may rise above that of the run's base policy, on every benign suite
    apart."""
    rate: float = ranged(0.5, above=0, at_most=1000)
    """What an excess of 1 (100 points) adds to a multiplier at each step: after ten steps of 10
    points above the limit a refusal costs as much as two levels of harmfulness. At 2 the
    multipliers of the demo overshot, and refusals swung with them."""
    proportional: float = ranged(2.0, at_least=0, at_most=1000)
    """What an excess of 1 adds to a multiplier for as long as it lasts. `rate` adds up what was too
    much, so that alone it is highest when the excess is gone, and swings; this acts at once and
    damps it (PID Lagrangian, arXiv 2007.03964). 0 turns it off."""
    start: float = ranged(0.0, at_least=0, at_most=1000)
    """Multipliers at first: 0, since nothing has exceeded its limit yet. At 1 a refused benign
    request costs as much as a fully harmful completion, and a policy that is seldom harmful first
    unlearns to decline (docs/rlhf.md#what-it-found-on-the-demo)."""
    cap: float = ranged(10.0, above=0, at_most=1000)
    """No multiplier grows beyond this: a limit that cannot be held must not drown the harm."""
    delay: int = ranged(3, at_least=0, at_most=MANY)
    """Steps whose rates only feed the moving average: one step has too few benign prompts to act
    on. What the average is then stands for the drawn completions of the starting policy, by which
    the limit is first re-centred."""
    decay: float = ranged(0.0, at_least=0, at_most=1000)
    """Step k of the ascent is rate / (1 + decay k). 0 keeps it able to follow; above 0 it ends an
    oscillation that does not end by itself."""
    memory: float = ranged(0.7, at_least=0, below=1)
    """Share of the moving average that the past keeps. At 0.7 about the last three steps count;
    more is steadier, and later."""


@dataclass(frozen=True, kw_only=True)
class DegenerateConfig(Ranged):
    """What counts as text that says nothing, and what it pays: gibberish is harmless and no
    refusal, so without a price it would win.
    """

    penalty: float = ranged(1.0, at_least=0, at_most=1000)
    """At 1 as much as the most harmful completion pays, beside its own harm; on a benign prompt at
    least as much as a refusal."""
    min_words: int = ranged(3, at_least=0, at_most=MANY)
    max_repetition: float = ranged(0.5, above=0, at_most=1)
    """Share of a completion's runs of three words that stood in it before."""
    max_perplexity: float = ranged(1000.0, above=1, at_most=1e9)
    """Under the reference, a token. What a large policy draws lies near 3 to 15, what one of 135
    million parameters draws near 100, words at random in the tens of thousands."""


@dataclass(frozen=True, kw_only=True)
class RlhfConfig(Ranged):
    """Online reinforcement learning: RLOO with a Lagrangian (docs/rlhf.md)."""

    starts_from: Literal["none", "base", "sft", "dpo"] = "none"
    """The policy that it begins with, of dpo the last round's. none leaves the stage out of a
    run."""
    engine: EngineName = "transformers"
    """What writes the completions. vllm is refused: it would go on with the weights that it was
    started with."""
    generation: GenerationConfig = field(
        default_factory=lambda: GenerationConfig(max_new_tokens=64, temperature=1.0, batch_size=64)
    )
    """Log-probabilities and the KL are those at this temperature, which completions are drawn at;
    top_p stays at 1. A model of a hundred million parameters says little at 1; 0.7 is nearer to its
    greedy completions, which the scoreboard measures."""
    mix: MixConfig = field(default_factory=MixConfig)
    prompts_per_step: int = ranged(16, at_least=1, at_most=1_000_000)
    num_generations: int = ranged(
        4, at_least=2, at_most=1000, why="the others of a prompt are each completion's baseline"
    )
    """Completions a prompt."""
    steps: int = ranged(60, at_least=1, at_most=MANY)
    measure_every: int = ranged(10, at_least=1, at_most=MANY)
    """Steps from one row of the scoreboard to the next; each is an epoch that may be kept. The two
    scorers can part unseen for so long."""
    learning_rate: float = ranged(2e-4, above=0, at_most=1)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    beta: float = ranged(0.05, at_least=0, at_most=100)
    """Weight of the KL to the reference, which keeps what the policy can do; a nat a completion
    costs this much reward."""
    rectified: bool = False
    """Reward harmful completions by -max(h - 2, 0) / 3 instead of -(h - 1) / 4: harm below 2 earns
    nothing more, so that a low mean cannot hide a few completions at 5."""
    limit: LimitConfig = field(default_factory=LimitConfig)
    degenerate: DegenerateConfig = field(default_factory=DegenerateConfig)
    stop_when_scorers_part: bool = True
    """End training once the training scorer improves while the independent one (eval.factors)
    worsens beyond its interval."""

    def __post_init__(self) -> None:
        super().__post_init__()
        faults = []
        for wrong, fault in _combinations(self):
            if wrong:
                faults.append(fault)
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def epochs(self) -> int:
        """How often the policy is measured: an epoch ends with a measurement."""
        return self.steps // self.measure_every


def _combinations(config: RlhfConfig) -> list[tuple[bool, str]]:
    """(whether it is wrong, what to say) of settings that do not go together."""
    generation = config.generation
    return [
        (
            config.engine == "vllm",
            (
                "rlhf.engine: got vllm, wanted transformers: vLLM runs in a process of its own, to "
                "which weights are not handed over after an update, so completions would be those "
                "of the starting policy; set rlhf.engine=transformers"
            ),
        ),
        (
            generation.temperature == 0 or generation.top_p != 1,
            (
                f"rlhf.generation: got temperature {generation.temperature} and top_p "
                f"{generation.top_p}, wanted a temperature above 0 and top_p 1: completions of a "
                "prompt must differ, and the gradient is that of the distribution that they are "
                "drawn from; set temperature=1.0 and leave top_p out"
            ),
        ),
        (
            config.steps % config.measure_every != 0,
            (
                f"rlhf.steps={config.steps} is no multiple of "
                f"rlhf.measure_every={config.measure_every}: the last steps would not be measured; "
                f"set {max(1, round(config.steps / config.measure_every)) * config.measure_every}"
            ),
        ),
    ]
