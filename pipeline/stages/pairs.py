"""pairs: preferences from scored answers."""

from __future__ import annotations

from typing import Any

from data_prep.artifacts import write_json, write_records
from data_prep.card_contents import pairs_card
from data_prep.croissant import write_card
from data_prep.errors import RecordError
from data_prep.expert_labels import expert_pairs, hash_labels, read_labels, with_expert_pairs, with_expert_scores
from data_prep.pairs import build_pairs, candidates, describe
from data_prep.records import Completion, Demonstration, Pair, Prompt, Score, read_records
from data_prep.review import review_items
from data_prep.shortcuts import judge_shortcuts, shortcut_accuracies
from pipeline.model_card import hub_name
from pipeline.pair_lint import lint_built_pairs
from pipeline.policies import model_files
from pipeline.stage import Context, Stage
from reward.refusal import split_refusal


def work(context: Context) -> dict[str, Any]:
    config = context.config
    demonstrations = [d for d in read_records(context.stage("prep").path / "demonstrations.jsonl", Demonstration) if d.split != "test"]
    completions = read_records(context.stage("sample").path / "completions.jsonl", Completion)
    scores = read_records(context.stage("score").path / "scores.jsonl", Score)
    ratings = read_labels(config.pairs.expert_labels)
    items = review_items(read_records(context.stage("prep").path / "prompts.jsonl", Prompt), completions, demonstrations, scores)
    scores = with_expert_scores(scores, ratings, items)
    result = build_pairs(
        demonstrations, candidates(completions, demonstrations, scores), config.pairs, opening_of=_opening, seed=config.seed
    )
    experts = expert_pairs(ratings, items, min_margin=config.pairs.min_margin)
    result = result._replace(pairs=with_expert_pairs(result.pairs, experts.pairs))
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
    card = pairs_card(
        config.data,
        [*by_split["train"], *by_split["val"]],
        demonstrations,
        dropped=result.dropped,
        policy=hub_name(config.model.base.path),
        scorers={score.scorer for score in scores},
        seed=config.seed,
    )
    write_card(context.path, card, {f"pairs.{split}.jsonl": Pair for split in by_split}, config.data.publication)
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
    needs=("prep/prompts.jsonl", "prep/demonstrations.jsonl", "sample/completions.jsonl", "score/scores.jsonl"),
    sections=("data", "pairs", "model.base", "model.max_length"),
    work=work,
    files=lambda config: {**model_files(config), **hash_labels(config.pairs.expert_labels)},
)
