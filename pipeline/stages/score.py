"""score: harmfulness from the reward models and refusal from the detector, for every completion
that pairs may be made of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.pairs.candidates import COHERENT_FROM, rejected_id
from pipeline.harm_model import AUDITED, foreign_harm_model, harm_model
from pipeline.run.config import RunConfig, ScoreConfig
from pipeline.run.declared import Part, StageSettings, beside
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.views import Revises
from pipeline.setting_parts import GenerationDtype, Revisions
from pipeline.shipped_heads import measuring_heads
from pipeline.stages.prep import sha256_path
from records.errors import ModelError, unreadable
from records.regular_files import odd_files
from records.rows import Completion, Demonstration, Message, Revision, Score, text_of
from records.run_files import (
    COMPLETIONS,
    DEMONSTRATIONS,
    LEARNED_FROM,
    REVISIONS,
    SCORES,
    RunFile,
)
from records.stage_folder import write_records
from reward.model.harmfulness_model import CALIBRATION, HarmfulnessScorer
from reward.model.network import HEAD
from reward.refusal.rule import refusal
from reward.scorers import HARM_MODEL, RefusalRule, score_with
from train.config import TrainerConfig


@dataclass(frozen=True, kw_only=True)
class Scorers(Part):
    generation: GenerationDtype
    factors: bool


@dataclass(frozen=True, kw_only=True)
class HelpfulSide(Part):
    helpful: str


@dataclass(frozen=True, kw_only=True)
class PairSides(Part):
    sides: HelpfulSide


@dataclass(frozen=True, kw_only=True)
class Settings(StageSettings):
    eval: Scorers
    score: ScoreConfig
    pairs: PairSides
    sample: Revisions
    trainer: TrainerConfig = beside()


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Score every completion and demonstration that pairs may be made of."""
    # Before the rest: which data set completions are needed depends on it.
    coherence = _coherence(config, inputs, place)
    completions = _completions(
        config,
        inputs,
        {score.completion_id for score in coherence if (score.value or 0.0) < COHERENT_FROM},
    )
    scores = []
    for scorer in _harm_models(config, inputs):
        scores += score_with([scorer], completions)
    # By any of the harm models: one that could read it is enough for a pair.
    unscored = len(completions) - len({s.completion_id for s in scores if s.value is not None})
    # The rule on all, also on what no harm model could read: pairs ask for both apart.
    scores += score_with([RefusalRule()], completions)
    scores += coherence
    write_records(place.path / "scores.jsonl", scores)
    models = 1 + len(config.score.reward_models)
    place.say(
        f"{len(completions)} completions scored by {models} reward model{'s' * (models > 1)}, "
        f"{unscored} unscored"
    )
    return {
        "scored": len(completions) - unscored,
        "unscored": unscored,
        "reward_models": models,
    }


def _harm_models(config: Settings, inputs: Inputs) -> Iterator[HarmfulnessScorer]:
    """One in memory at a time."""
    # A generator, so that each model is gone before the next is loaded.
    yield harm_model(config, inputs, config.eval.generation)
    for number, folder in enumerate(config.score.reward_models, start=2):
        name = f"{HARM_MODEL}_{number}"
        yield foreign_harm_model(Path(folder), name, config, config.eval.generation)


def _coherence(config: Settings, inputs: Inputs, place: Place) -> list[Score]:
    """How likely the policy's completions of benign prompts are answers at all; none where the
    shipped scorers are left out.
    """
    if not config.eval.factors:
        return []
    from reward.factors.teacher import WordsTeacher

    benign = set()
    for row in inputs.read(DEMONSTRATIONS.of(*LEARNED_FROM)):
        if row.kind == "benign":
            benign.add(row.asks)
    made = [row for row in inputs.read(COMPLETIONS) if row.prompt_id in benign]
    scores = WordsTeacher("coherent").score(made)
    known = [score.value for score in scores if score.value is not None]
    few = sum(value < COHERENT_FROM for value in known)
    # Unscored is not incoherent: pairs may choose such a completion, as nobody knows.
    unknown = (
        f"; {len(made) - len(known)} are unscored and may be" if len(known) < len(made) else ""
    )
    place.say(
        f"{few} of {len(made)} completions to benign prompts are incoherent and are not "
        f"chosen{unknown}"
    )
    return scores


def _completions(config: Settings, inputs: Inputs, incoherent: Collection[str]) -> list[Completion]:
    """The policy's completions, its revisions, and both sides of the data set's rows that a pair
    may be made of.
    """
    demonstrations = inputs.read(DEMONSTRATIONS.of(*LEARNED_FROM))
    sampled = inputs.read(COMPLETIONS)
    helpful = (
        ()
        if config.pairs.sides.helpful == "demonstration"
        else [row for row in sampled if row.id not in incoherent]
    )
    usable = _usable(demonstrations, helpful)
    return [
        *sampled,
        *read_revisions(config, inputs),
        *(_of_the_data(d, d.id, d.completion) for d in usable),
        *(_of_the_data(d, rejected_id(d), d.rejected) for d in usable if d.rejected),
    ]


def _of_the_data(row: Demonstration, name: str, side: list[Message]) -> Completion:
    """One side of a row of the data as a completion.

    Texts of the data are never cut, so it counts as complete.
    """
    return Completion(
        id=name,
        prompt_id=row.asks,
        prompt=row.prompt,
        completion=side,
        policy=row.source,
        sample=0,
        seed=0,
        num_tokens=0,
        finish_reason="stop",
        suite=row.suite,
    )


def read_revisions(config: Revises, inputs: Inputs) -> list[Revision]:
    """None where the run makes none."""
    return inputs.read(REVISIONS) if config.sample.revisions else []


def revisions_made(config: RunConfig) -> tuple[RunFile[Revision], ...]:
    """The revisions, where this run makes any."""
    return (REVISIONS,) if config.sample.revisions else ()


def _usable(
    demonstrations: list[Demonstration], completions: Iterable[Completion]
) -> list[Demonstration]:
    """The demonstrations that a pair may be made of: safe completions, and helpful ones where the
    policy's own completion refuses.
    """
    answered = set()
    for c in completions:
        if refusal(text_of(c.completion)) == "none" and text_of(c.completion).strip():
            answered.add(c.prompt_id)
    # Helpful completions of the data are needed only where the policy gives none itself.
    return [d for d in demonstrations if d.kind == "harmful" or d.asks not in answered]


def files(config: RunConfig) -> dict[str, str]:
    """Hashes of the reward models that lie outside the run."""
    # The three files without which the folder is no reward model; weights have several names.
    wanted = (CALIBRATION, HEAD, "config.json")
    missing = {}
    for folder in config.score.reward_models:
        missing[folder] = [name for name in wanted if not (Path(folder) / name).is_file()]
    # All folders at once: each try costs a start of the run.
    faults = []
    for folder, names in missing.items():
        if names:
            faults.append(
                f"score.reward_models: {folder}: holds no {', '.join(names)}; wanted a "
                "reward_model folder that a reward stage has left; name RUN/reward/reward_model"
            )
    found = {}
    for folder in config.score.reward_models if not faults else ():
        faults += [f"score.reward_models: {fault}" for fault in odd_files(Path(folder))]
        try:
            found[folder] = sha256_path(Path(folder))
        except OSError as error:
            faults.append(unreadable("score.reward_models", Path(folder), error))
    if faults:
        raise ModelError(faults)
    return found


STAGE = Stage(
    name="score",
    reads=(DEMONSTRATIONS.of(*LEARNED_FROM), COMPLETIONS, *AUDITED),
    writes=(SCORES,),
    work=work,
    settings=Settings,
    files=lambda config: {**files(config), **measuring_heads(config)},
    reads_if=revisions_made,
)
