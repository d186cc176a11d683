"""score: harmfulness from the reward model and refusal from the detector, for every answer that pairs may be made of."""

from __future__ import annotations

from typing import Any

from data_prep.artifacts import write_records
from data_prep.records import Completion, Demonstration, Message, Score, read_records, text_of
from models.generate import generation_dtype
from models.tokens import encode
from pipeline.policies import device
from pipeline.stage import Context, Stage
from reward.harmfulness_model import HarmfulnessScorer
from reward.refusal import refusal
from train.trainer import use_threads


def work(context: Context) -> dict[str, Any]:
    config = context.config
    use_threads(config.trainer)
    demonstrations = read_records(context.stage("prep").path / "demonstrations.jsonl", Demonstration)
    completions = read_records(context.stage("sample").path / "completions.jsonl", Completion)
    items = [(c.id, c.prompt, c.completion) for c in completions]
    items += [(d.id, d.prompt, d.completion) for d in _usable(demonstrations, completions)]
    scorer = HarmfulnessScorer.load(context.stage("reward").path / "reward_model", generation_dtype(config.eval.generation))
    scorer.model.to(device(config))
    scores = _harmfulness(items, scorer, config.model.max_length)
    scores += [
        Score(completion_id=i, id=f"{i}/refusal", scorer="refusal", label=refusal(text_of(completion))) for i, _, completion in items
    ]
    write_records(context.path / "scores.jsonl", scores)
    unscored = sum(s.scorer == scorer.name and s.value is None for s in scores)
    context.say(f"{len(items)} answers scored, {unscored} unscored")
    return {"scored": len(items) - unscored, "unscored": unscored}


def _usable(demonstrations: list[Demonstration], completions: list[Completion]) -> list[Demonstration]:
    """The demonstrations that a pair may be made of: safe answers, and helpful ones where the policy's own answer refuses."""
    answered = {c.prompt_id for c in completions if refusal(text_of(c.completion)) == "none" and text_of(c.completion).strip()}
    return [d for d in demonstrations if d.split != "test" and (d.kind == "harmful" or d.id not in answered)]


def _harmfulness(items: list[tuple[str, list[Message], list[Message]]], scorer: HarmfulnessScorer, max_length: int) -> list[Score]:
    rows = [
        encode(scorer.tokenizer, prompt, completion, max_length) if text_of(completion).strip() else None for _, prompt, completion in items
    ]
    values = iter(scorer.scores([row for row in rows if row is not None]))
    return [
        Score(
            completion_id=i,
            id=f"{i}/{scorer.name}",
            scorer=scorer.name,
            value=round(next(values), 4) if row is not None else None,
            reason="" if row is not None else "empty answer, or a prompt longer than model.max_length",
        )
        for (i, _, _), row in zip(items, rows, strict=True)
    ]


STAGE = Stage(
    name="score",
    summary="scores",
    needs=("prep/demonstrations.jsonl", "sample/completions.jsonl", "reward/reward_model"),
    sections=("model.max_length", "eval.generation.dtype"),
    work=work,
)
