"""score: harmfulness from the reward models and refusal from the detector, for every answer that pairs may be made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.pairs import rejected_id
from data_prep.splits.split_files import LEARNED_FROM, needs, read_splits
from models.engines.generate import generation_dtype
from models.tokens import encode
from pipeline.policies import HARDWARE, device
from pipeline.run.config import RunConfig
from pipeline.run.stage import Context, Stage
from pipeline.stages.prep import sha256_path
from records.errors import ModelError
from records.rows import Completion, Demonstration, Message, Revision, Score, text_of
from records.stage_folder import write_records
from reward.model.harmfulness_model import CALIBRATION, HarmfulnessScorer
from reward.model.network import HEAD
from reward.refusal.rule import refusal

Item = tuple[str, list[Message], list[Message]]
"""Id, prompt and completion of what is scored."""


def work(context: Context) -> dict[str, Any]:
    config = context.config
    items = _items(context)
    folders = {HarmfulnessScorer.name: context.stage("reward").path / "reward_model"}
    folders |= {f"{HarmfulnessScorer.name}_{number}": Path(folder) for number, folder in enumerate(config.score.reward_models, start=2)}
    scores = []
    for name, folder in folders.items():
        scorer = HarmfulnessScorer.load(folder, generation_dtype(config.eval.generation))
        scorer.model.to(device(config))
        scores += _harmfulness(items, scorer, name, config.model.max_length)
    unscored = len(items) - len({s.completion_id for s in scores if s.value is not None})
    scores += [
        Score(completion_id=i, id=f"{i}/refusal", scorer="refusal", label=refusal(text_of(completion))) for i, _, completion in items
    ]
    write_records(context.path / "scores.jsonl", scores)
    context.say(f"{len(items)} answers scored by {len(folders)} reward model{'s' * (len(folders) > 1)}, {unscored} unscored")
    return {"scored": len(items) - unscored, "unscored": unscored, "reward_models": len(folders)}


def _items(context: Context) -> list[Item]:
    """The policy's answers, its revisions, and both sides of the data set's rows that a pair may be made of."""
    demonstrations = read_splits(context.stage("prep").path, "demonstrations", Demonstration, LEARNED_FROM)
    completions = read_splits(context.stage("sample").path, "completions", Completion, LEARNED_FROM)
    revisions = read_revisions(context)
    usable = _usable(demonstrations, completions)
    return [
        *((c.id, c.prompt, c.completion) for c in (*completions, *revisions)),
        *((d.id, d.prompt, d.completion) for d in usable),
        *((rejected_id(d), d.prompt, d.rejected) for d in usable if d.rejected),
    ]


def read_revisions(context: Context) -> list[Revision]:
    """None where the run makes none."""
    return read_splits(context.stage("sample").path, "revisions", Revision, LEARNED_FROM) if context.config.sample.revisions else []


def needs_revisions(config: RunConfig) -> tuple[str, ...]:
    return needs("sample", "revisions") if config.sample.revisions else ()


def _usable(demonstrations: list[Demonstration], completions: list[Completion]) -> list[Demonstration]:
    """The demonstrations that a pair may be made of: safe answers, and helpful ones where the policy's own answer refuses."""
    answered = {c.prompt_id for c in completions if refusal(text_of(c.completion)) == "none" and text_of(c.completion).strip()}
    return [d for d in demonstrations if d.kind == "harmful" or d.asks not in answered]


def _harmfulness(items: list[Item], scorer: HarmfulnessScorer, name: str, max_length: int) -> list[Score]:
    rows = [
        encode(scorer.tokenizer, prompt, completion, max_length) if text_of(completion).strip() else None for _, prompt, completion in items
    ]
    values = iter(scorer.scores([row for row in rows if row is not None]))
    return [
        Score(
            completion_id=i,
            id=f"{i}/{name}",
            scorer=name,
            value=round(next(values), 4) if row is not None else None,
            reason="" if row is not None else "empty answer, or a prompt longer than model.max_length",
        )
        for (i, _, _), row in zip(items, rows, strict=True)
    ]


def files(config: RunConfig) -> dict[str, str]:
    """Hashes of the reward models that lie outside the run."""
    wanted = (CALIBRATION, HEAD, "config.json")
    missing = {folder: [name for name in wanted if not (Path(folder) / name).is_file()] for folder in config.score.reward_models}
    faults = [
        f"score.reward_models: {folder}: holds no {', '.join(names)}; wanted a reward_model folder that a reward stage has left; name RUN/reward/reward_model"
        for folder, names in missing.items()
        if names
    ]
    if faults:
        raise ModelError(faults)
    return {folder: sha256_path(Path(folder)) for folder in config.score.reward_models}


STAGE = Stage(
    name="score",
    summary="scores",
    needs=(*needs("prep", "demonstrations"), *needs("sample", "completions"), "reward/reward_model"),
    sections=("model.max_length", "eval.generation.dtype", "score"),
    beside=(*HARDWARE, "sample.revisions"),
    work=work,
    files=files,
    optional_needs=needs_revisions,
)
