"""sample: what the base policy itself answers."""

from __future__ import annotations

import hashlib
from typing import Any

from data_prep.artifacts import write_records
from data_prep.records import Completion, Prompt, assistant, json_line, read_appended, read_records
from models.generate import generate
from pipeline.policies import base_config, generating, model_files
from pipeline.stage import Context, Stage
from train.trainer import use_threads

POLICY = "base"
BLOCK_BATCHES = 1


def work(context: Context) -> dict[str, Any]:
    config = context.config
    use_threads(config.trainer)
    prompts = [p for p in read_records(context.stage("prep").path / "prompts.jsonl", Prompt) if p.split != "test"]
    wanted = [(p, k) for p in prompts for k in range(config.sample.harmful_samples if p.kind == "harmful" else 1)]
    shard = context.directory.work / "completions.jsonl"
    done = {row["id"] for row in read_appended(shard)}
    todo = sorted(((p, k) for p, k in wanted if _id(p, k) not in done), key=lambda item: len(item[0].prompt[-1]["content"]))
    context.say(f"{len(wanted)} answers wanted from the base policy, {len(todo)} to write")
    if todo:
        generation = config.sample.generation
        model, tokenizer = generating(config, base_config(config), generation)
        size = BLOCK_BATCHES * generation.batch_size
        with shard.open("a", encoding="utf-8") as file:
            for start in range(0, len(todo), size):
                block = todo[start : start + size]
                seeds = [seed_of(config.seed, p.id, k) for p, k in block]
                answers = generate(
                    model, tokenizer, [p.prompt for p, _ in block], generation, seeds=seeds, label=f"sample {start}/{len(todo)}"
                )
                for (prompt, k), seed, answer in zip(block, seeds, answers, strict=True):
                    file.write(json_line(_completion(prompt, k, seed, answer)))
                file.flush()
    rows = sorted((Completion.from_json(row) for row in read_appended(shard)), key=lambda row: row.id)
    write_records(context.path / "completions.jsonl", rows)
    tokens = sum(row.num_tokens for row in rows)
    return {"completions": len(rows), "tokens": tokens, "cut_by_limit": sum(row.finish_reason == "length" for row in rows)}


def _completion(prompt: Prompt, k: int, seed: int, answer: Any) -> Completion:
    return Completion(
        id=_id(prompt, k),
        prompt_id=prompt.id,
        prompt=prompt.prompt,
        completion=assistant(answer.text),
        policy=POLICY,
        sample=k,
        seed=seed,
        num_tokens=answer.num_tokens,
        finish_reason=answer.finish_reason,
    )


def _id(prompt: Prompt, sample: int) -> str:
    return f"{prompt.id}/{POLICY}/{sample}"


def seed_of(*parts: object) -> int:
    """A seed that depends on the parts only."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:7], "big")


STAGE = Stage(
    name="sample", summary="base answers", needs=("prep/prompts.jsonl",), sections=("model.base", "sample"), work=work, files=model_files
)
