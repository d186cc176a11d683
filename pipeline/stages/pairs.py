"""pairs: preferences from scored answers."""

from __future__ import annotations

from typing import Any

from data_prep.artifacts import write_json, write_records
from data_prep.errors import RecordError
from data_prep.pairs import build_pairs, candidates, describe, plain_pairs, summary_lines
from data_prep.records import Completion, Demonstration, Prompt, Score, read_records
from data_prep.shortcuts import judge_shortcuts
from pipeline.stage import Context, Stage
from pipeline.stages.score import needs_revisions, read_revisions
from reward.refusal import split_refusal


def work(context: Context) -> dict[str, Any]:
    config = context.config
    prep = context.stage("prep").path
    prompts = [p for p in read_records(prep / "prompts.jsonl", Prompt) if p.split != "test"]
    demonstrations = [d for d in read_records(prep / "demonstrations.jsonl", Demonstration) if d.split != "test"]
    completions = read_records(context.stage("sample").path / "completions.jsonl", Completion)
    scores = read_records(context.stage("score").path / "scores.jsonl", Score)
    found = candidates(completions, demonstrations, scores, read_revisions(context))
    result = build_pairs(prompts, found, config.pairs, opening_of=opening_of, seed=config.seed)
    by_split = {split: [p for p in result.pairs if p.split == split] for split in ("train", "val")}
    if not by_split["train"]:
        raise RecordError(
            f"no preference pair could be built; left out: {dict(+result.dropped)}. Loosen the setting that took most, or sample more answers"
        )
    plain = plain_pairs(prompts, found, config.pairs, opening_of=opening_of, seed=config.seed)
    report = describe(result, plain)
    write_json(context.path / "pairs.report.json", report)
    for split, pairs in by_split.items():
        write_records(context.path / f"pairs.{split}.jsonl", pairs)
    for line in summary_lines(report):
        context.say(line)
    for warning in judge_shortcuts(report["shortcuts"]["after"], config.pairs):
        context.say(f"warning: {warning}")
    return {"train": len(by_split["train"]), "val": len(by_split["val"]), "dropped": sum(result.dropped.values())}


def opening_of(text: str) -> str | None:
    parts = split_refusal(text)
    return parts[0] if parts else None


STAGE = Stage(
    name="pairs",
    summary="preference pairs",
    needs=("prep/prompts.jsonl", "prep/demonstrations.jsonl", "sample/completions.jsonl", "score/scores.jsonl"),
    sections=("pairs",),
    work=work,
    optional_needs=needs_revisions,
)
