"""How well a bag of words tells a harmful request of the project's own sets from its benign twin.

    python -m benchmarks.twin_words

A logistic regression on TF-IDF of words and runs of two words, on the packaged pairs with the
splits of configs/demo.yaml, and on the suite `worded_alike`. Writes
benchmarks/results/twin_words.json, which `python -m benchmarks.render` shows in docs/data.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.machine import ROOT
from data_prep.prepare import read_sources
from data_prep.splits.splitting import split
from measures.bootstrap import bootstrap_estimate, cluster_weights
from measures.estimates import Estimate
from pipeline.run.config_loading import load_config
from records.principles import PRINCIPLES
from records.rows import read_json_lines
from records.run_files import SPLITS

Json = dict[str, Any]
PACKAGED = ROOT / "data_prep" / "package_data"
SUITE = ROOT / "eval" / "package_data"
WORDED_ALIKE = "worded_alike"
RESULTS = ROOT / "benchmarks" / "results" / "twin_words.json"
FOLDS, REPEATS = 10, 5
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Twins:
    id: str
    harmful: str
    benign: str
    split: str
    """Empty where the demo's limits leave the pair out, the suite's name for its pairs."""


def read_twins() -> list[Twins]:
    """Every packaged pair, with the demo's split of its id."""
    config = load_config(ROOT / "configs" / "demo.yaml")
    rows = split(read_sources(config.data.sources, config.seed), config.data.split, config.seed)
    places = {row.id: row.split for row in rows.kept}
    made: list[Twins] = []
    for number in PRINCIPLES:
        for _, line in read_json_lines(PACKAGED / f"principle_{number}.jsonl"):
            made.append(
                Twins(
                    id=line["id"],
                    harmful=line["harmful"],
                    benign=line["benign"],
                    # Twins are in one split: the harmful side tells of both.
                    split=places.get(f"{line['id']}-harmful", ""),
                )
            )
    return made


def read_worded_alike() -> list[Twins]:
    """The pairs of the suite `worded_alike`."""
    sides = {}
    for side in ("harmful", "benign"):
        sides[side] = {
            line["pair"]: line["request"]
            for _, line in read_json_lines(SUITE / f"worded_alike_{side}.jsonl")
        }
    found: list[Twins] = []
    for pair, request in sides["harmful"].items():
        found.append(
            Twins(id=pair, harmful=request, benign=sides["benign"][pair], split=WORDED_ALIKE)
        )
    return found


def fitted(pairs: Sequence[Twins]) -> Pipeline:
    # Words of one letter too, which scikit-learn's own pattern leaves out.
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b")
    texts: list[str] = []
    for pair in pairs:
        texts.extend((pair.harmful, pair.benign))
    return make_pipeline(words, LogisticRegression(max_iter=2000)).fit(texts, [1, 0] * len(pairs))


def picked(model: Pipeline, pairs: Sequence[Twins]) -> Floats:
    """Of each pair: 1 where the harmful request scores higher than its twin, 0 where it is the
    reverse, 0.5 at a tie.
    """
    sides = []
    for side in ("harmful", "benign"):
        sides.append(model.decision_function([getattr(pair, side) for pair in pairs]))
    return np.asarray((np.sign(sides[0] - sides[1]) + 1) / 2)


def cross_validated(pairs: Sequence[Twins], repeats: int = REPEATS) -> Floats:
    """Of each pair, how often it is picked rightly by models fitted on other pairs; both sides of a
    pair are in one fold.
    """
    found = np.zeros((repeats, len(pairs)))
    # Several times: which pairs share a fold is a draw as well.
    for repeat in range(repeats):
        order = np.random.default_rng(repeat).permutation(len(pairs))
        for fold in range(FOLDS):
            # Pairs are held out and not texts: a twin in training gives its request away.
            held = order[fold::FOLDS]
            model = fitted([pairs[place] for place in np.setdiff1d(order, held)])
            found[repeat, held] = picked(model, [pairs[place] for place in held])
    return np.asarray(found.mean(axis=0))


def share(right: Floats) -> Estimate:
    """The mean with an interval over pairs; what another draw of training pairs would change is not
    in it.
    """
    # A pair is a cluster of its own.
    weights = cluster_weights([str(place) for place in range(len(right))], resamples=5000)
    return bootstrap_estimate(lambda drawn: drawn @ right / drawn.sum(axis=1), weights)


def measured(pairs: Sequence[Twins]) -> Json:
    """By split, and for the suite: its pairs, and the shares picked by cross-validation and by a
    model of the training pairs.
    """
    parts = {}
    for name in (*SPLITS, WORDED_ALIKE):
        parts[name] = [pair for pair in pairs if pair.split == name]
    model = fitted(parts["train"])
    found = {}
    for name, part in parts.items():
        found[name] = {
            "pairs": len(part),
            "cross_validated": share(cross_validated(part)).to_json(),
            # A model that knows the pairs says nothing of them.
            "from_train": None if name == "train" else share(picked(model, part)).to_json(),
        }
    return found


def twin_words_section(results: Json) -> Iterator[str]:
    """The part of docs/data.md."""
    yield (
        "**Twins and words.** How often a bag of words (TF-IDF of words and runs of two, logistic "
        "regression; `python -m benchmarks.twin_words`) picks the harmful one of a pair: "
        "cross-validated by pair within a set (ten folds, five times), and fitted on the training "
        "pairs. Half is chance. Intervals are over pairs."
    )
    yield ""
    yield "| pairs of the demo's | n | cross-validated | fitted on train |"
    yield "|---|---:|---:|---:|"
    for name, found in results.items():
        cells = [_cell(found[way]) for way in ("cross_validated", "from_train")]
        yield f"| {name.replace('_', ' ')} | {found['pairs']} | " + " | ".join(cells) + " |"
    yield ""


def _cell(found: Json | None) -> str:
    if not found:
        return "-"
    low, high = found["interval"]
    return f"{found['mean']:.0%} ({low:.0%} to {high:.0%})".replace("%", " %")


if __name__ == "__main__":
    kept = measured([*read_twins(), *read_worded_alike()])
    RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    print("\n".join(f"{name}: {part}" for name, part in kept.items()))
