"""Every stage of a run, a line each, in order.

What a stage reads and does stands in its own module, loaded when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from records.contracts import BASE, Policy

if TYPE_CHECKING:
    from pipeline.run.views import Ordered


@dataclass(frozen=True)
class Job:
    """The Slurm job that a stage runs in."""

    script: str = "stages.sh"
    """In slurm/. Stages that follow each other and need one task share a job of stages.sh."""
    options: str = "STAGES_OPTIONS"
    """The variable of the environment that holds the user's own options for it."""
    trains: bool = False
    """Its tasks train one model together."""


ONE_TASK = Job()


@dataclass(frozen=True)
class Registered:
    """What is known of a stage before its module `pipeline.stages.NAME` is loaded, which may import
    torch.
    """

    name: str
    help: str
    job: Job = ONE_TASK
    leaves: Policy | None = None
    """The policy that it trains."""
    repeats: bool = False
    """Done again in every round of `dpo.rounds`, each time on what the round before has left."""
    is_wanted: Callable[[Any], bool] = lambda config: True
    """Of a config, or of a stage's settings that show what it asks for."""
    begins_with: Callable[[Ordered], str] | None = None
    """The policy that its training starts from, where the config names it; else the one in
    `leaves`."""


# Their order is the order of a run: each reads only what stands above it.
STAGES = {
    stage.name: stage
    for stage in (
        Registered("prep", "read the sources, split, lint, decontaminate"),
        Registered("sample", "the base policy's own completions to training prompts", repeats=True),
        Registered(
            "reward",
            "train and validate the harmfulness reward model",
            Job("reward_harmfulness.sh", "REWARD_OPTIONS", trains=True),
        ),
        Registered("score", "harmfulness and refusal of every completion", repeats=True),
        Registered("pairs", "build preference pairs and probe them for shortcuts", repeats=True),
        Registered(
            "sft",
            "fine-tune on safe completions and benign replay",
            Job("sft_meditron.sh", "SFT_OPTIONS", trains=True),
            leaves=Policy("sft", "SFT", starts_from=BASE.name),
        ),
        Registered(
            "dpo",
            "preference optimisation from the SFT policy",
            Job("dpo_meditron.sh", "DPO_OPTIONS", trains=True),
            leaves=Policy("dpo", "DPO", starts_from="sft"),
            repeats=True,
        ),
        Registered(
            "sft_control",
            "SFT for as many steps as DPO, to compare",
            Job("sft_meditron.sh", "DPO_OPTIONS", trains=True),
            leaves=Policy(
                "sft_control", "SFT, as many steps as DPO", starts_from="sft", control_of="dpo"
            ),
            is_wanted=lambda config: config.control.enabled,
        ),
        Registered(
            "rlhf",
            "online reinforcement learning under a limit on over-refusal",
            Job("rlhf_meditron.sh", "RLHF_OPTIONS", trains=True),
            leaves=Policy("rlhf", "RLHF", starts_from="sft"),
            # Callables and not values: the stages are listed before any config is read.
            is_wanted=lambda config: config.rlhf.starts_from != "none",
            begins_with=lambda config: config.rlhf.starts_from,
        ),
        Registered(
            "capability",
            "medical questions and held-out text, every policy against the base",
            Job(options="EVAL_OPTIONS"),
            is_wanted=lambda config: config.eval.capability.is_wanted,
        ),
        Registered(
            "tamper",
            "the released policy once somebody has tampered with its weights",
            Job(options="EVAL_OPTIONS"),
            is_wanted=lambda config: config.eval.tamper.enabled,
        ),
        Registered(
            "eval", "all policies side by side, and the report", Job("eval.sh", "EVAL_OPTIONS")
        ),
        Registered(
            "release",
            "a Hugging Face directory with its evidence, or a refusal",
            Job(options="RELEASE_OPTIONS"),
        ),
    )
}
