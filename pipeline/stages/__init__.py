"""The stages in order. Each lives in its own module, loaded when it runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pipeline.run.rounds import later, parsed

if TYPE_CHECKING:
    from pipeline.run.config import RunConfig
    from pipeline.run.stage import Stage

STAGES = {
    "prep": "read the sources, split, lint, decontaminate",
    "sample": "the base policy's own answers to training prompts",
    "reward": "train and validate the harmfulness reward model",
    "score": "harmfulness and refusal of every completion",
    "pairs": "build preference pairs and probe them for shortcuts",
    "sft": "fine-tune on safe answers and benign replay",
    "dpo": "preference optimisation from the SFT policy",
    "sft_control": "SFT for as many steps as DPO, to compare",
    "eval": "all policies side by side, and the report",
    "release": "a Hugging Face directory with its evidence, or a refusal",
}


def stage_names(config: RunConfig) -> list[str]:
    """The stages of this run, in order."""
    names = [name for name in STAGES if name != "sft_control" or config.control.enabled]
    after = names.index("dpo") + 1
    return [*names[:after], *later(config.dpo.rounds), *names[after:]]


def load_stage(name: str) -> Stage:
    stage, round = parsed(name)
    return import_module(f"pipeline.stages.{stage}").STAGE.in_round(round)
