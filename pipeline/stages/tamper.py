"""tamper: harm and over-refusal of the released policy once somebody has changed its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.suites.loading import held_out_suites
from eval.tamper.config import TamperConfig
from models.config import GenerationConfig
from pipeline.harm_model import AUDITED
from pipeline.policies import policy_of
from pipeline.run.config import RunConfig
from pipeline.run.declared import Part, StageSettings, beside
from pipeline.run.graph import released_policy
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run_scorers import run_scorers
from pipeline.setting_parts import Accepts, PolicyModel, Rounds
from pipeline.shipped_heads import measuring_heads
from pipeline.tampering import Material, Victim, tampered
from records.cache import cache_directory
from records.content_hashes import content_hashes
from records.run_files import (
    DEMONSTRATIONS,
    POLICY,
    PROMPTS,
    TAMPER,
    TAMPER_COMPLETIONS,
    TAMPER_SCORES,
)
from records.stage_folder import sha256_json, write_json
from train.config import TrainerConfig


@dataclass(frozen=True, kw_only=True)
class Tampering(Part):
    tamper: TamperConfig
    generation: GenerationConfig
    factors: bool
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Released(Part):
    policy: str


@dataclass(frozen=True, kw_only=True)
class Settings(StageSettings):
    model: PolicyModel
    eval: Tampering
    release: Released
    trainer: TrainerConfig = beside()
    dpo: Rounds
    score: Accepts


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Undo the alignment by fine-tuning and by its direction, and measure what is left."""
    policy = released_policy(config)
    start = policy_of(config.model.base, inputs.path(POLICY.left_by(policy)))
    # Test prompts, as in the evaluation: the attacks themselves are made of training rows.
    suites = held_out_suites(
        inputs.read(PROMPTS.of("test")), "test", config.eval.tamper.prompts_per_suite
    )
    prompts = [prompt for rows in suites.values() for prompt in rows]
    material = Material(
        inputs.read(PROMPTS.of("train")), inputs.read(DEMONSTRATIONS.of("train")), "the run's own"
    )
    scorers = run_scorers(config, inputs, prompts)
    victim = Victim(policy, start)
    summary = tampered(config, victim, material, prompts, scorers, place.path, place.say)
    write_json(place.path / TAMPER.name, summary.to_json())
    return {"policy": policy, "completions": len(prompts) * len(summary.attacks)}


def medquad_files(config: RunConfig) -> dict[str, str]:
    """One hash for all of MedQuAD's files, where the config names them."""
    folder = config.eval.tamper.medquad_path
    if folder is None:
        return {}

    files = sorted(Path(folder).rglob("*.xml"))
    hashes = content_hashes(files, cache_directory() / "hashes")
    # By the path below the folder: MedQuAD's twelve folders hold files of the same names.
    named = {file.relative_to(folder).as_posix(): hashes[file] for file in files}
    return {f"medquad {folder}": sha256_json(named)}


STAGE = Stage(
    name="tamper",
    reads=(PROMPTS.of("train", "test"), DEMONSTRATIONS.of("train"), *AUDITED),
    writes=(TAMPER, TAMPER_COMPLETIONS, TAMPER_SCORES),
    measures=True,
    reads_if=lambda config: (POLICY.left_by(released_policy(config)),),
    work=work,
    settings=Settings,
    files=lambda config: {**medquad_files(config), **measuring_heads(config)},
)
