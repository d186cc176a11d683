"""pairs: preferences from scored answers."""

from __future__ import annotations

from typing import Any

from data_prep.artifacts import write_json, write_records
from data_prep.errors import RecordError
from data_prep.pairs import build_pairs, candidates, describe
from data_prep.records import Completion, Demonstration, Score, read_records
from data_prep.shortcuts import judge_shortcuts, shortcut_accuracies
from pipeline.pair_lint import lint_built_pairs
from pipeline.policies import model_files
from pipeline.stage import Context, Stage
from reward.refusal import split_refusal


def work(context: Context) -> dict[str, Any]:
    config = context.config
    demonstrations = [d for d in read_records(context.stage("prep").path / "demonstrations.jsonl", Demonstration) if d.split != "test"]
    completions = read_records(context.stage("sample").path / "completions.jsonl", Completion)
    scores = read_records(context.stage("score").path / "scores.jsonl", Score)
    result = build_pairs(
        demonstrations, candidates(completions, demonstrations, scores), config.pairs, opening_of=_opening, seed=config.seed
    )
    result = result._replace(pairs=lint_built_pairs(context, result.pairs, result.dropped))
    by_split = {split: [p for p in result.pairs if p.split == split] for split in ("train", "val")}
    if not by_split["train"]:
        raise RecordError(
            f"no preference pair could be built; left out: {dict(result.dropped)}. Lower pairs.min_margin or sample more answers"
        )
    probes = shortcut_accuracies(by_split["train"], by_split["val"])
    report = describe(result, probes)
    write_json(context.path / "pairs.report.json", report)
    for split, pairs in by_split.items():
        write_records(context.path / f"pairs.{split}.jsonl", pairs)
        context.say(
            f"{split:<5} {len(pairs)} pairs: "
            + ", ".join(f"{v} {k.split('/')[1]}" for k, v in report["by_type"].items() if k.startswith(split))
        )
    for name, probe in probes.items():
        context.say(
            f"  {name}: {probe['accuracy']:.2f} ({probe['ci95'][0]:.2f} to {probe['ci95'][1]:.2f}) on {probe['n']} held-out pairs; 0.50 is no shortcut"
        )
    for warning in judge_shortcuts(probes, config.pairs):
        context.say(f"warning: {warning}")
    return {"train": len(by_split["train"]), "val": len(by_split["val"]), "dropped": sum(result.dropped.values())}


def _opening(text: str) -> str | None:
    parts = split_refusal(text)
    return parts[0] if parts else None


STAGE = Stage(
    name="pairs",
    summary="preference pairs",
    needs=("prep/demonstrations.jsonl", "sample/completions.jsonl", "score/scores.jsonl"),
    sections=("pairs", "data.lint", "model.base", "model.max_length"),
    work=work,
    files=model_files,
)
