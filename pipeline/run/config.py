"""One file = one run: the blocks that each floor owns, composed, checked, and all faults reported
at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf

from data_prep.config import DataConfig
from data_prep.pairs.config import PairsConfig
from eval.config import AgainstConfig, EvalConfig, GateConfig
from models.config import EngineName, GenerationConfig, LanguageModelConfig, ModelConfig
from pipeline.run.config_paths import path_fault
from pipeline.run.graph import releasable, trainings
from pipeline.run.registry import STAGES
from pipeline.run.release_card import CardConfig
from pipeline.run.settings_bounds import shown
from pipeline.run.views import Embeds, SplitsBySeed
from records.escaping import UNSEEN
from records.setting_ranges import Ranged, ranged
from reward.config import RewardConfig
from reward.factors.probes import ALL, PROBES
from train.config import (
    MOST_ROUNDS,
    ControlConfig,
    DpoConfig,
    SftConfig,
    TrainerConfig,
    WandbConfig,
)
from train.rlhf.config import RlhfConfig


@dataclass(frozen=True, kw_only=True)
class SampleConfig(Ranged):
    """The policy's own completions to training and validation prompts."""

    generation: GenerationConfig = field(
        default_factory=lambda: GenerationConfig(max_new_tokens=64, batch_size=64)
    )
    engine: EngineName = "transformers"
    """What writes the completions. vllm starts the Python that `model.vllm.python` names, and gets
    hundreds of prompts at once."""
    harmful_samples: int = ranged(1, at_least=1, at_most=10_000)
    """Completions to each harmful prompt; with more than one, set a temperature: the first is then
    greedy all the same, the others are drawn."""
    revisions: int = ranged(0, at_least=0, at_most=10_000)
    """Revisions of these completions for each harmful prompt: the policy finds fault with its
    completion by a principle of medical ethics and writes it again. Two more generations each; they
    enter pairs with `pairs.chosen: best`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.harmful_samples > 1 and self.generation.temperature == 0:
            raise ValueError(
                "sample.harmful_samples is above 1 but sample.generation.temperature is 0: all "
                "samples would be the same"
            )
        if self.revisions > self.harmful_samples and self.generation.temperature == 0:
            raise ValueError(
                f"sample.revisions is {self.revisions} for {self.harmful_samples} completions but "
                "sample.generation.temperature is 0: revisions of one completion would be the same"
            )


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """Who says how harmful a completion is, besides the run's own reward model."""

    reward_models: list[str] = field(default_factory=list)
    """Folders of further reward models, as the reward stage of other runs leaves them
    (RUN/reward/reward_model). Pairs take the mean of all."""
    accept_failed_probes: list[str] = field(default_factory=list)
    """Probes of the audit in validation.json that a reward model may have failed and still be used,
    or `all`, which the report then says; otherwise every stage after `reward` refuses it
    (docs/reward_model.md)."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.accept_failed_probes) - {ALL, *PROBES})
        if unknown:
            raise ValueError(
                f"score.accept_failed_probes: no probe is called {', '.join(unknown)}; wanted some "
                f"of {', '.join(PROBES)}, or {ALL}"
            )


@dataclass(frozen=True, kw_only=True)
class ReleaseConfig:
    policy: str = "dpo"
    """Which trained policy to release: dpo (its last round), sft, sft_control or rlhf."""
    name: str = "aligned-medical-model"
    languages: list[str] = field(default_factory=lambda: ["en"])
    """Of the model, as codes, for its card."""
    gate: GateConfig = field(default_factory=GateConfig)
    against: AgainstConfig = field(default_factory=AgainstConfig)
    card: CardConfig = field(default_factory=CardConfig)

    def __post_init__(self) -> None:
        # Names of files and folders that the release stage has itself.
        taken = self.name in ("", ".", "..", "work", "run.json", "manifest.json")
        fault = path_fault(self.name)
        if fault or taken or "/" in self.name or self.name != self.name.strip():
            raise ValueError(
                f"release.name: {fault or f'got {shown(self.name)}'}; wanted the name of one "
                "folder, which release/ gets for the released model; choose another, as in "
                "aligned-medical-model"
            )
        # Not by a Literal: which stages can be released comes from their declarations.
        if self.policy not in releasable():
            raise ValueError(
                f"release.policy must be one of {', '.join(releasable())}, got {self.policy!r}"
            )
        unknown = sorted(set(self.gate.accept_unheld_selection) - set(trainings(MOST_ROUNDS)))
        if unknown:
            known = f"stages that train a policy ({', '.join(trainings(2))}, ...)"
            raise ValueError(f"release.gate.accept_unheld_selection names {known}, got {unknown}")


@dataclass(frozen=True, kw_only=True)
class RunConfig(Ranged):
    run_dir: str = "runs/run"
    seed: int = ranged(0, at_least=0, at_most=2**31 - 1)
    model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    sample: SampleConfig = field(default_factory=SampleConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)
    pairs: PairsConfig = field(default_factory=PairsConfig)
    sft: SftConfig = field(default_factory=SftConfig)
    dpo: DpoConfig = field(default_factory=DpoConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    rlhf: RlhfConfig = field(default_factory=RlhfConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    release: ReleaseConfig = field(default_factory=ReleaseConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    wandb: WandbConfig = field(default_factory=WandbConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.run_dir.strip():
            raise ValueError("run_dir is empty; name the directory that the run is written to")
        if self.sample.revisions and self.pairs.chosen != "best":
            raise ValueError(
                "sample.revisions are made but pairs.chosen is demonstration: none would be used; "
                "set pairs.chosen=best"
            )
        if faults := _rlhf_faults(self):
            raise ValueError("; ".join(faults))
        # Here and not in ReleaseConfig, which does not see what the run leaves out.
        if not STAGES[self.release.policy].is_wanted(self):
            raise ValueError(
                f"release.policy is {self.release.policy}, a stage that this run leaves out; turn "
                "it on, or release another policy"
            )


def _rlhf_faults(config: RunConfig) -> list[str]:
    """Settings of other blocks that do not go with those of rlhf."""
    rlhf = config.rlhf
    if rlhf.starts_from == "none":
        return []
    faults = []
    if rlhf.stop_when_scorers_part and not config.eval.factors:
        faults.append(
            "rlhf.stop_when_scorers_part is true and eval.factors is false, so there is no "
            "independent scorer to stop by; set eval.factors=true, or "
            "rlhf.stop_when_scorers_part=false to train without a watch"
        )
    # Checked here and not when rows are encoded, which is hours into a run.
    if rlhf.generation.max_new_tokens >= config.model.max_length:
        faults.append(
            f"rlhf.generation.max_new_tokens={rlhf.generation.max_new_tokens}: got no room for a "
            f"prompt in model.max_length={config.model.max_length}, wanted less than that; lower "
            "it, or raise model.max_length"
        )
    if config.trainer.offload == "nvme":
        faults.append(
            "trainer.offload=nvme does not go with rlhf: the policy of step 0 is exchanged with "
            "the trained one at every step, and weights on a disk are not there to be exchanged; "
            "set trainer.offload=cpu or none"
        )
    return faults


def splits_seed(config: SplitsBySeed) -> int:
    """The seed of whatever training does not touch."""
    own = config.data.split.seed
    # Without a seed of its own every seed's run would be measured on other prompts.
    return config.seed if own is None else own


def embedding_model(config: Embeds) -> ModelConfig | None:
    """What data.embedding names; None while it is off."""
    named = config.data.embedding
    return ModelConfig(path=named.model, revision=named.revision) if named.model else None


def resolved(config: RunConfig) -> dict[str, Any]:
    """The run as plain values, every default spelled out."""
    container = OmegaConf.to_container(OmegaConf.structured(config))
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def to_yaml(config: RunConfig) -> str:
    """The resolved run as YAML."""
    return yaml_of(resolved(config))


def yaml_of(values: dict[str, Any]) -> str:
    """The YAML of a run that `resolved` has made plain, as a stage's run.json holds it; ASCII alone
    where it has what nobody sees.
    """
    text = OmegaConf.to_yaml(OmegaConf.create(values))
    # OmegaConf writes such characters as they are; PyYAML spells them out.
    return yaml.safe_dump(values, sort_keys=False) if UNSEEN.search(text) else text
