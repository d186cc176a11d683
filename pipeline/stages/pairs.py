"""pairs: preferences from scored completions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from data_prep.cards.croissant import write_card
from data_prep.cards.dataset_readme import table, write_readme
from data_prep.cards.pairs_card import Deciders, pairs_card
from data_prep.config import DataConfig
from data_prep.pairs.building import PairsResult, build_pairs, groups_of, plain_pairs
from data_prep.pairs.candidates import candidates
from data_prep.pairs.config import PairsConfig
from data_prep.pairs.endings import ended_alike
from data_prep.pairs.expert_labels import (
    expert_pairs,
    hash_labels,
    read_labels,
    with_expert_pairs,
    with_expert_scores,
)
from data_prep.pairs.probes import judge_probes
from data_prep.pairs.report import describe, summary_lines
from data_prep.pairs.shortcuts import judge_shortcuts
from data_prep.review.items import review_items
from data_prep.review.ratings import Rating
from eval.report.heading import hub_name
from pipeline.model_identity import model_files
from pipeline.pair_lint import lint_built_pairs
from pipeline.run.declared import StageSettings
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.setting_parts import BaseModel, Revisions
from pipeline.stages.score import read_revisions, revisions_made
from records.errors import RecordError
from records.rows import Completion, Demonstration, Pair, Prompt, Score
from records.run_files import (
    COMPLETIONS,
    DEMONSTRATIONS,
    LEARNED_FROM,
    PAIRS,
    PAIRS_CARD,
    PAIRS_REPORT,
    PROMPTS,
    SCORES,
    split_file,
)
from records.stage_folder import write_json, write_records
from reward.refusal.rule import split_refusal


class Material(NamedTuple):
    prompts: list[Prompt]
    demonstrations: list[Demonstration]
    completions: list[Completion]
    scores: list[Score]
    ratings: list[Rating]


@dataclass(frozen=True, kw_only=True)
class Settings(StageSettings):
    data: DataConfig
    pairs: PairsConfig
    model: BaseModel
    sample: Revisions


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Build preference pairs from scored completions."""
    settings, material = config.pairs, _read(config, inputs)
    result, plain = _built(config, inputs, place, material)
    by_split = {}
    for split in LEARNED_FROM:
        by_split[split] = [p for p in result.pairs if p.split == split]
    # Before any file is written, so that no empty set looks like a result.
    if not by_split["train"]:
        raise RecordError(
            f"no preference pair could be built; left out: {dict(+result.dropped)}. Loosen the "
            "setting that took most, or sample more completions"
        )
    report = describe(result, plain, groups_of(material.prompts))
    unknown = judge_probes(report["probes_by_type"], settings.shortcut_fail)
    report["not_known"] = unknown
    # Before the checks below raise: the report is what explains them.
    write_json(place.path / "pairs.report.json", report)
    for split, pairs in by_split.items():
        write_records(place.path / split_file("pairs", split), pairs)
    _write_card(config, place, material, result)
    for line in summary_lines(report):
        place.say(line)
    for warning in (*judge_shortcuts(report["shortcuts"]["after"], settings), *unknown):
        place.say(f"warning: {warning}")
    return {
        "train": len(by_split["train"]),
        "val": len(by_split["val"]),
        "dropped": sum(result.dropped.values()),
    }


def _read(config: Settings, inputs: Inputs) -> Material:
    return Material(
        prompts=inputs.read(PROMPTS.of(*LEARNED_FROM)),
        demonstrations=inputs.read(DEMONSTRATIONS.of(*LEARNED_FROM)),
        completions=inputs.read(COMPLETIONS),
        scores=inputs.read(SCORES),
        ratings=read_labels(config.pairs.expert_labels),
    )


def _built(
    config: Settings, inputs: Inputs, place: Place, material: Material
) -> tuple[PairsResult, list[Pair]]:
    """(pairs worth training on, pairs without any shortcut breaker); where experts have rated a
    completion, their word counts.
    """
    ratings = material.ratings
    # Ratings belong to texts; this finds which of the run's completions have them.
    items = review_items(
        material.prompts, material.completions, material.demonstrations, material.scores
    )
    scores = with_expert_scores(material.scores, ratings, items)
    # After the experts' word has replaced the scorers', or pairs would be made by the scores it
    # corrects.
    found = candidates(
        material.completions, material.demonstrations, scores, read_revisions(config, inputs)
    )
    result = build_pairs(
        material.prompts, found, config.pairs, opening_of=opening_of, seed=config.seed
    )
    # Experts' pairs come after the proportions, which would take some of them away.
    pairs = with_expert_pairs(
        result.pairs, expert_pairs(ratings, items, min_margin=config.pairs.min_margin).pairs
    )
    considered = result.considered + len(pairs) - len(result.pairs)
    pairs, _ = ended_alike(pairs, config.pairs.sides.cut_alike, opening_of)  # the experts' too
    result = result._replace(
        pairs=lint_built_pairs(config.model, config.data.lint, place, pairs, result.dropped),
        considered=considered,
    )
    # The same candidates without the breakers, as the "before" of every probe.
    return result, plain_pairs(
        material.prompts, found, config.pairs, opening_of=opening_of, seed=config.seed
    )


def _write_card(config: Settings, place: Place, material: Material, result: PairsResult) -> None:
    card = pairs_card(
        config.data,
        result.pairs,
        material.prompts,
        dropped=result.dropped,
        deciders=Deciders(
            policy=hub_name(config.model.base.path),
            scorers={score.scorer for score in material.scores},
            raters=len({rating.rater for rating in material.ratings}),
        ),
        seed=config.seed,
    )
    built = table("pairs", Pair, LEARNED_FROM)
    write_card(place.path, card, dict.fromkeys(built.files.values(), Pair), config.data.publication)
    write_readme(place.path, "Preference pairs", [built])


def opening_of(text: str) -> str | None:
    """The sentences with which a text declines; None where it does not."""
    parts = split_refusal(text)
    return parts[0] if parts else None


STAGE = Stage(
    name="pairs",
    reads=(PROMPTS.of(*LEARNED_FROM), DEMONSTRATIONS.of(*LEARNED_FROM), COMPLETIONS, SCORES),
    writes=(PAIRS, PAIRS_REPORT, PAIRS_CARD),
    work=work,
    settings=Settings,
    files=lambda config: {**model_files(config), **hash_labels(config.pairs.expert_labels)},
    reads_if=revisions_made,
)
