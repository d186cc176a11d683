"""One file = one run: the blocks that each floor owns, composed, checked, and all faults reported at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError

from data_prep.config import DataConfig, PairsConfig
from data_prep.errors import ConfigError
from eval.config import EvalConfig, GateConfig
from models.config import Engine, GenerationConfig, LanguageModelConfig, ModelConfig
from pipeline.rounds import named
from reward.config import RewardConfig
from train.config import ControlConfig, DpoConfig, SftConfig, TrainerConfig, WandbConfig


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """The policy's own answers to training and validation prompts."""

    generation: GenerationConfig = field(default_factory=lambda: GenerationConfig(max_new_tokens=64, batch_size=64))
    engine: Engine = "transformers"
    """What writes the answers. vllm starts the Python that `model.vllm.python` names, and gets hundreds of prompts at once."""
    harmful_samples: int = 1
    """Answers to each harmful prompt; with more than one, set a temperature: the first is then greedy all the same, the others are drawn."""
    revisions: int = 0
    """Revisions of these answers for each harmful prompt: the policy finds fault with its answer by a principle of medical ethics and writes
    it again. Two more generations each; they enter pairs with `pairs.chosen: best`."""

    def __post_init__(self) -> None:
        if self.harmful_samples < 1:
            raise ValueError(f"sample.harmful_samples must be at least 1, got {self.harmful_samples}")
        if self.harmful_samples > 1 and self.generation.temperature == 0:
            raise ValueError("sample.harmful_samples is above 1 but sample.generation.temperature is 0: all samples would be the same")
        if self.revisions < 0:
            raise ValueError(f"sample.revisions must be at least 0, got {self.revisions}")
        if self.revisions > self.harmful_samples and self.generation.temperature == 0:
            raise ValueError(
                f"sample.revisions is {self.revisions} for {self.harmful_samples} answers but sample.generation.temperature is 0: "
                "revisions of one answer would be the same"
            )


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """Who says how harmful an answer is, besides the run's own reward model."""

    reward_models: list[str] = field(default_factory=list)
    """Folders of further reward models, as the reward stage of other runs leaves them (RUN/reward/reward_model). Pairs take the mean of all."""


@dataclass(frozen=True, kw_only=True)
class ReleaseConfig:
    policy: str = "dpo"
    """Which trained policy to release: dpo (its last round), sft or sft_control."""
    name: str = "aligned-medical-model"
    gate: GateConfig = field(default_factory=GateConfig)

    def __post_init__(self) -> None:
        if self.policy not in ("dpo", "sft", "sft_control"):
            raise ValueError(f"release.policy must be dpo, sft or sft_control, got {self.policy!r}")
        if self.name in ("", ".", "..", "work", "run.json", "manifest.json") or "/" in self.name:
            raise ValueError(f"release.name names the folder of the released model inside the run's release/, got {self.name!r}")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    run_dir: str = "runs/run"
    seed: int = 0
    model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    sample: SampleConfig = field(default_factory=SampleConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)
    pairs: PairsConfig = field(default_factory=PairsConfig)
    sft: SftConfig = field(default_factory=SftConfig)
    dpo: DpoConfig = field(default_factory=DpoConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    release: ReleaseConfig = field(default_factory=ReleaseConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    wandb: WandbConfig = field(default_factory=WandbConfig)

    def __post_init__(self) -> None:
        if not self.run_dir.strip():
            raise ValueError("run_dir is empty; name the directory that the run is written to")
        if self.sample.revisions and self.pairs.chosen != "best":
            raise ValueError("sample.revisions are made but pairs.chosen is demonstration: none would be used; set pairs.chosen=best")
        if self.release.policy == "sft_control" and not self.control.enabled:
            raise ValueError("release.policy is sft_control but control.enabled is false")


def released_policy(config: RunConfig) -> str:
    """The stage whose policy is released."""
    return named(config.release.policy, config.dpo.rounds)


def load_config(path: Path, overrides: list[str] | None = None) -> RunConfig:
    """The run that a YAML file and `key=value` overrides describe. Raises ConfigError with every fault."""
    merged = _unlocked(OmegaConf.structured(RunConfig))
    faults: list[str] = []
    for where, key, value in [*_file_settings(path), *_overrides(overrides or [], faults)]:
        try:
            OmegaConf.update(merged, key, value, merge=True)
            _unlocked(merged)
        except (OmegaConfBaseException, ValueError, TypeError, IndexError) as error:
            faults.append(f"{where}: {_explain(key, error)}")
    config = _checked(merged, faults)
    if faults or config is None:
        raise ConfigError(faults)
    return config


def embedding_model(config: RunConfig) -> ModelConfig | None:
    """What data.embedding names; None while it is off."""
    named = config.data.embedding
    return ModelConfig(path=named.model, revision=named.revision) if named.model else None


def resolved(config: RunConfig) -> dict[str, Any]:
    """The run as plain values, every default spelled out."""
    container = OmegaConf.to_container(OmegaConf.structured(config))
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def to_yaml(config: RunConfig) -> str:
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def _unlocked(node: Any) -> Any:
    """Frozen dataclasses make read-only nodes; settings are written into them until the run is built."""
    OmegaConf.set_readonly(node, None)
    children = node.values() if OmegaConf.is_dict(node) else node
    for child in children:
        if OmegaConf.is_config(child):
            _unlocked(child)
    return node


def _file_settings(path: Path) -> list[tuple[str, str, Any]]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.yaml")], n=1)
        raise ConfigError(f"{path}: no such file" + (f"; did you mean {path.parent / near[0]}?" if near else "")) from error
    except (yaml.YAMLError, ValueError) as error:  # a day that is none is a ValueError, so is what is no UTF-8
        raise ConfigError(f"{path}: not a YAML file ({' '.join(str(error).split())})") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name a YAML file") from error
    if content is None:
        return []
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: wanted settings by name, got {type(content).__name__}")
    return [(str(path), key, value) for key, value in _leaves(content)]


def _leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _plain(value)


def _plain(value: Any) -> Any:
    """YAML reads 2026-12-01 as a day; settings are text."""
    return value.isoformat() if isinstance(value, date) else value


def _overrides(overrides: list[str], faults: list[str]) -> list[tuple[str, str, Any]]:
    settings = []
    for text in overrides:
        key, sign, value = text.partition("=")
        if not sign or not key:
            faults.append(f"{text!r}: wanted key=value, as in dpo.beta=0.2")
            continue
        try:
            settings.append((f"override {text!r}", key, _plain(yaml.safe_load(value)) if value else ""))
        except (yaml.YAMLError, ValueError) as error:
            faults.append(f"override {text!r}: the value is not YAML ({' '.join(str(error).split())})")
    return settings


def _explain(key: str, error: Exception) -> str:
    """What is wrong with one key, with the nearest key that there is."""
    if isinstance(error, ValidationError):
        return f"{key}: {str(error).strip().splitlines()[0]}"
    known = _known_keys(RunConfig)
    plain = ".".join(part for part in key.split(".") if not part.isdigit())
    if plain not in known and not any(name.startswith(f"{plain}.") for name in known):
        near = difflib.get_close_matches(plain, known, n=1, cutoff=0.5)
        return f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "; `primum config CONFIG` prints all there are")
    return f"{key}: {str(error).strip().splitlines()[0]}"


def _known_keys(cls: type, prefix: str = "") -> list[str]:
    keys = []
    for entry in fields(cls):
        default = entry.default_factory() if callable(entry.default_factory) else entry.default  # type: ignore[misc]
        item = default[0] if isinstance(default, list) and default else default
        keys.append(f"{prefix}{entry.name}")
        if is_dataclass(item):
            keys += _known_keys(type(item), f"{prefix}{entry.name}.")
    return keys


def _blocks(node: Any) -> Iterator[Any]:
    """Inner blocks before those that hold them, so that one broken source hides no other."""
    if OmegaConf.is_config(node):
        for child in node.values() if OmegaConf.is_dict(node) else node:
            yield from _blocks(child)
        yield node


def _checked(merged: Any, faults: list[str]) -> RunConfig | None:
    """Build every block, adding what each finds wrong with itself to `faults`; None when there is anything."""
    for entry in fields(RunConfig):
        for node in _blocks(merged[entry.name]):
            try:
                OmegaConf.to_object(node)
            except (OmegaConfBaseException, ValueError) as error:
                fault = str(error).strip().splitlines()[0]
                faults += [fault] if fault not in faults else []
    if faults:
        return None
    try:
        config = OmegaConf.to_object(merged)
    except (OmegaConfBaseException, ValueError) as error:
        faults.append(str(error).strip().splitlines()[0])
        return None
    assert isinstance(config, RunConfig)
    return config
