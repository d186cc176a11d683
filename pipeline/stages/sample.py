"""sample: what the base policy itself answers, and how it goes on once it has declined."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.artifacts import write_records
from data_prep.records import Completion, Demonstration, Message, Prompt, assistant, json_line, read_appended, read_records, text_of
from models.config import GenerationConfig
from models.generate import Generated, generate
from pipeline.policies import base_config, generating, model_files
from pipeline.stage import Context, Stage
from reward.examples import CONTINUED
from reward.refusal import split_refusal
from train.trainer import use_threads

POLICY = "base"
FILES = {POLICY: "answers", CONTINUED: "refusals"}


class Wanted(NamedTuple):
    """One completion to write; `start` is what the policy is made to begin with."""

    id: str
    prompt_id: str
    prompt: list[Message]
    policy: str
    sample: int
    start: str


def work(context: Context) -> dict[str, Any]:
    config = context.config
    use_threads(config.trainer)
    answers, refusals = _answers(context), _refusals(context)
    shards = {name: _shard(context, name, context.rank) for name in FILES}
    done = {row["id"] for name in shards for row in _written(context, name)}
    missing = [wanted for wanted in context.share.of([*answers, *refusals]) if wanted.id not in done]
    context.say(f"{len(answers)} answers and {len(refusals)} continued declines wanted from the base policy, {len(missing)} to write here")
    if missing:
        _write_missing(context, missing, shards)
    if not context.share.hand_in(context.directory.work):
        return {}
    made = {name: sorted((Completion.from_json(row) for row in _written(context, name)), key=lambda c: c.id) for name in shards}
    write_records(context.path / "completions.jsonl", made[POLICY])
    write_records(context.path / "refusals.jsonl", made[CONTINUED])
    rows = [*made[POLICY], *made[CONTINUED]]
    return {
        "completions": len(made[POLICY]),
        "refusals": len(made[CONTINUED]),
        "tokens": sum(row.num_tokens for row in rows),
        "cut_by_limit": sum(row.finish_reason == "length" for row in rows),
    }


def _shard(context: Context, name: str, rank: int) -> Path:
    """What one rank appends to."""
    return context.directory.work / f"{FILES[name]}.{rank}.jsonl"


def _written(context: Context, name: str) -> list[dict[str, Any]]:
    """By all ranks of this start and earlier ones."""
    own = _shard(context, name, context.rank)
    return [row for path in sorted(context.directory.work.glob(f"{FILES[name]}.*.jsonl")) for row in read_appended(path, own=path == own)]


def _answers(context: Context) -> list[Wanted]:
    prompts = read_records(context.stage("prep").path / "prompts.jsonl", Prompt)
    samples = context.config.sample.harmful_samples
    return [
        Wanted(f"{p.id}/{POLICY}/{k}", p.id, p.prompt, POLICY, k, "")
        for p in prompts
        if p.split != "test"
        for k in range(samples if p.kind == "harmful" else 1)
    ]


def _refusals(context: Context) -> list[Wanted]:
    """One for every safe answer that declines. The reward model needs them: a base policy refuses too rarely to show how its refusals read."""
    demonstrations = read_records(context.stage("prep").path / "demonstrations.jsonl", Demonstration)
    found = [(d, split_refusal(text_of(d.completion))) for d in demonstrations if d.kind == "harmful" and d.split != "test"]
    return [Wanted(f"{d.id}/{CONTINUED}", d.id, d.prompt, CONTINUED, 0, parts[0]) for d, parts in found if parts]


def _write_missing(context: Context, missing: list[Wanted], shards: dict[str, Path]) -> None:
    """In blocks of one batch each, appended at once: a kill loses one block."""
    config = context.config
    generation = config.sample.generation
    # A decline takes about half of the words that an answer has; what follows it has the other half.
    shorter = replace(generation, max_new_tokens=max(1, generation.max_new_tokens // 2))
    model, tokenizer = generating(config, base_config(config), generation)
    written = 0
    for policy, shard in shards.items():
        todo = sorted((w for w in missing if w.policy == policy), key=lambda w: len(w.prompt[-1]["content"]) + len(w.start))
        settings: GenerationConfig = shorter if policy == CONTINUED else generation
        with shard.open("a", encoding="utf-8") as file:
            for begin in range(0, len(todo), generation.batch_size):
                block = todo[begin : begin + generation.batch_size]
                seeds = [seed_of(config.seed, w.prompt_id, w.sample) for w in block]
                texts = generate(
                    model,
                    tokenizer,
                    [w.prompt for w in block],
                    settings,
                    starts=[w.start for w in block],
                    seeds=seeds,
                    label=f"sample {written}/{len(missing)}",
                )
                for wanted, seed, text in zip(block, seeds, texts, strict=True):
                    file.write(json_line(_completion(wanted, seed, text)))
                file.flush()
                written += len(block)


def _completion(wanted: Wanted, seed: int, answer: Generated) -> Completion:
    return Completion(
        id=wanted.id,
        prompt_id=wanted.prompt_id,
        prompt=wanted.prompt,
        completion=assistant(f"{wanted.start} {answer.text}".strip()),
        policy=wanted.policy,
        sample=wanted.sample,
        seed=seed,
        num_tokens=answer.num_tokens,
        finish_reason=answer.finish_reason,
    )


def seed_of(*parts: object) -> int:
    """A seed that depends on the parts only."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:7], "big")


STAGE = Stage(
    name="sample",
    summary="base answers",
    needs=("prep/prompts.jsonl", "prep/demonstrations.jsonl"),
    sections=("model.base", "sample"),
    work=work,
    files=model_files,
    shares=True,
)
