"""What do the shortcut breakers change?

Builds pairs from the scored completions of a run, and asks classifiers that cannot read:

    python -m benchmarks.pairs CONFIG [run_dir=DIRECTORY pairs.over_refusal=1 ...]

The run needs its stages prep, sample, reward and score. Nothing is written. Each line is one more
breaker than the line before. Accuracy is on held-out pairs: five folds over all pairs of the run,
no near-duplicate group or twin on both sides; 0.50 is no shortcut.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from scipy.stats import binomtest
from sklearn.model_selection import GroupKFold

from data_prep.pairs.building import build_pairs
from data_prep.pairs.candidates import candidates
from data_prep.pairs.config import PairsConfig
from data_prep.pairs.openings import opening_shares
from data_prep.pairs.proportions import Lengths
from data_prep.pairs.shortcuts import shortcut_accuracies
from data_prep.splits.split_files import LEARNED_FROM, read_splits
from pipeline.run.config_loading import load_config
from pipeline.stages.pairs import opening_of
from records.rows import Completion, Demonstration, Pair, Prompt, Score, read_records, text_of

FOLDS = 5


def recipes(config: PairsConfig) -> dict[str, PairsConfig]:
    """From none of the breakers to all of them."""
    none = replace(
        config,
        strategy="worst",
        refuse_then_comply=0.0,
        over_refusal=0.0,
        max_opening_share=1.0,
        max_length_ratio=float("inf"),
        max_length_difference=None,
        max_train_pairs=None,
    )
    # Each recipe is the one before with one breaker more, so that a row shows what that one does.
    openings = replace(none, max_opening_share=config.max_opening_share)
    comply = replace(openings, refuse_then_comply=config.refuse_then_comply)
    benign = replace(comply, over_refusal=config.over_refusal)
    lengths = replace(
        benign,
        max_length_ratio=config.max_length_ratio,
        max_length_difference=config.max_length_difference,
    )
    return {
        "none": none,
        "+ varied openings": openings,
        "+ refuse-then-comply": comply,
        "+ over-refusal": benign,
        "+ lengths evened out": lengths,
        "as configured": config,
    }


def cross_validated(pairs: list[Pair], groups: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Accuracy over all pairs, each judged by a classifier that saw no pair of its group."""
    wins: dict[str, float] = {}
    names = [groups[p.prompt_id] for p in pairs]
    # Whole groups: a near-duplicate or a twin on both sides would let a classifier remember.
    for train, held_out in GroupKFold(FOLDS).split(pairs, groups=names):
        probes = shortcut_accuracies([pairs[i] for i in train], [pairs[i] for i in held_out])
        for name, probe in probes.items():
            # Wins and not accuracies are added up: folds are of unlike size.
            wins[name] = wins.get(name, 0.0) + probe["accuracy"] * probe["n"]
    found = {}
    for name, won in wins.items():
        interval = binomtest(round(won), len(pairs)).proportion_ci(method="wilson")
        found[name] = {
            "accuracy": won / len(pairs),
            "interval": [interval.low, interval.high],
            "n": len(pairs),
        }
    return found


def main(path: Path, overrides: list[str]) -> None:
    config = load_config(path, overrides)
    run_dir = Path(config.run_dir)
    prompts = read_splits(run_dir / "prep", "prompts", Prompt, LEARNED_FROM)
    demonstrations = read_splits(run_dir / "prep", "demonstrations", Demonstration, LEARNED_FROM)
    completions = read_splits(run_dir / "sample", "completions", Completion, LEARNED_FROM)
    found = candidates(
        completions, demonstrations, read_records(run_dir / "score" / "scores.jsonl", Score)
    )
    groups = {p.id: p.group for p in prompts}
    print(
        "| breakers | pairs | commonest opening | length difference | length only | prefix only |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    for name, recipe in recipes(config.pairs).items():
        pairs = build_pairs(prompts, found, recipe, opening_of=opening_of, seed=config.seed).pairs
        chosen = set()
        for p in pairs:
            # Their chosen side is a helpful completion, which opens in no set way.
            if p.pair_type != "over_refusal":
                chosen.add(text_of(p.chosen))
        probes = cross_validated(pairs, groups)
        shown = []
        for probe in (probes["length_only"], probes["prefix_only"]):
            low, high = probe["interval"]
            shown.append(f"{probe['accuracy']:.2f} ({low:.2f} to {high:.2f})")
        common, difference = max(opening_shares(chosen).values()), Lengths(pairs).difference
        print(
            f"| {name} | {len(pairs)} | {common:.0%} | {difference:+.2f} | {shown[0]} | {shown[1]} "
            "|"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
