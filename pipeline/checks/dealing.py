"""Which rows will stand in train, val and test, and whether each stage will find there what it
needs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from data_prep.config import DataConfig, SplitConfig
from data_prep.lint.linter import usable
from data_prep.near_duplicates.duplicates import drop_duplicates, prompt_rows
from data_prep.splits.splitting import split
from pipeline.run.config import RunConfig
from records.rows import Demonstration, Kind, Prompt, Split, text_of
from records.run_files import SPLITS

MOST = 4000
"""Rows that are dealt out here. Of more, some of each suite: comparing all of them with each other
is prep's work."""
FEW = 200
"""Rows of a suite that are taken whole all the same, so that a small one is not missed."""
Stratum = tuple[str, str, str]
"""Source, suite and kind."""


@dataclass(frozen=True)
class Dealt:
    """Rows with their splits; each stands for `weights` rows of the run."""

    rows: list[Demonstration]
    weights: dict[Stratum, float]
    limits: SplitConfig

    def of(self, split: Split, kind: Kind | None = None) -> list[Demonstration]:
        """The rows of one split, of both kinds or one."""
        found: list[Demonstration] = []
        for row in self.rows:
            if row.split == split and kind in (None, row.kind):
                found.append(row)
        return found

    def count(self, split: Split, kind: Kind) -> int:
        """About how many rows the run will have, its limits included."""
        suites: Counter[str] = Counter()
        for row in self.of(split, kind):
            suites[row.suite] += self.weights[_stratum(row)]  # type: ignore[assignment]
        if split == "train":
            limit = self.limits.train_limit if kind == "harmful" else None
            # Limits of val and test are per suite, that of train is over all.
            return round(min(suites.total(), math.inf if limit is None else limit))
        limit = self.limits.val_limit if split == "val" else self.limits.test_limit
        return round(
            sum(min(count, math.inf if limit is None else limit) for count in suites.values())
        )


def deal(rows: Sequence[Demonstration], config: DataConfig, seed: int) -> Dealt:
    """As prep deals them, by words alone and without decontamination."""
    # The same steps as prep's, so that what is counted here is what prep will deal.
    distinct, _ = drop_duplicates(usable(rows).rows)
    some, weights = _some(prompt_rows(distinct))
    return Dealt(split(some, config.split, seed).kept, weights, config.split)


def _some(rows: Sequence[Demonstration]) -> tuple[list[Demonstration], dict[Stratum, float]]:
    """(rows at even distances, of small suites all; how many rows one of each stratum stands
    for).
    """
    strata: dict[Stratum, list[Demonstration]] = {}
    for row in rows:
        strata.setdefault(_stratum(row), []).append(row)
    # Near-duplicates are compared in pairs, so the time of a check grows faster than its rows.
    most = max(FEW, MOST // max(1, len(strata))) if len(rows) > MOST else len(rows)
    kept: list[Demonstration] = []
    weights = {}
    for name, members in strata.items():
        # At even distances: the first rows of a file are often of one topic.
        chosen = members[:: max(1, -(-len(members) // max(1, most)))]
        weights[name] = len(members) / len(chosen)
        kept += chosen
    return kept, weights


def _stratum(row: Demonstration) -> Stratum:
    return row.source, row.suite, row.kind


def described(dealt: Dealt) -> list[str]:
    """Lines for people: how many prompts each split will hold, and what is worth a thought though
    it fails nowhere.
    """
    parts = []
    for name in SPLITS:
        harmful, benign = dealt.count(name, "harmful"), dealt.count(name, "benign")
        parts.append(f"{name} {harmful} harmful and {benign} benign")
    lines = [f"prompts by split, about: {', '.join(parts)}"]
    # A line and no fault: a run without benign rows works, and may be what its owner wants.
    if not dealt.of("train", "benign"):
        lines.append(
            "no benign prompt for training: SFT has nothing to replay, and over-refusal will "
            "probably rise beyond the gate"
        )
    return lines


def dealing_faults(config: RunConfig, dealt: Dealt, suites: Sequence[Prompt]) -> list[str]:
    """Splits that will lack what a later stage cannot do without; `suites` are the prompts of
    eval.suites.
    """
    return [
        *_train_faults(config, dealt),
        *_val_faults(config, dealt),
        *_test_faults(config, dealt, suites),
        *_name_faults(dealt, suites),
    ]


def _train_faults(config: RunConfig, dealt: Dealt) -> list[str]:
    harmful = dealt.of("train", "harmful")
    if not harmful:
        return [
            f"no harmful prompt for training: {_why(config, 'train')}; sft, dpo and reward learn "
            "from them; add a source of harmful requests, or lower data.split.val and "
            "data.split.test"
        ]
    if config.pairs.chosen == "demonstration" and not any(
        text_of(row.completion).strip() for row in harmful
    ):
        return [
            f"none of {len(harmful)} harmful training prompts has a safe completion, and "
            "pairs.chosen is demonstration: no pair could be built; name the column of the "
            "completions (data.sources: completion_field), or set pairs.chosen=best"
        ]
    return []


def _val_faults(config: RunConfig, dealt: Dealt) -> list[str]:
    groups = {row.group for row in dealt.of("val", "harmful")}
    # Groups and not rows: near-duplicates in both halves would validate on what was calibrated on.
    if len(groups) >= 2:
        return []
    return [
        f"{len(groups)} group(s) of harmful prompts for validation, wanted 2 or more: "
        f"{_why(config, 'val')}; reward is calibrated on one and validated on another, and sft and "
        "dpo choose their epoch on them; raise data.split.val or data.split.val_limit, or give "
        "more data"
    ]


def _test_faults(config: RunConfig, dealt: Dealt, suites: Sequence[Prompt]) -> list[str]:
    faults = []
    prompts = [*dealt.of("test"), *suites]
    if not any(prompt.kind == "harmful" for prompt in prompts):
        faults.append(
            f"no harmful prompt for evaluation: {_why(config, 'test')}; eval measures harm on "
            "them, after all training; raise data.split.test or data.split.test_limit, or name a "
            "suite of kind harmful in eval.suites"
        )
    if not any(prompt.kind == "benign" for prompt in prompts):
        faults.append(
            f"no benign prompt for evaluation: {_why(config, 'test')}, and eval.suites names no "
            "benign suite; release shows no harm without over-refusal and would decline at the "
            "end; add {name: builtin, only: [twins, patient_questions]} to data.sources, or a "
            "benign suite"
        )
    return faults


def _name_faults(dealt: Dealt, suites: Sequence[Prompt]) -> list[str]:
    both = sorted({row.suite for row in dealt.of("test")} & {prompt.suite for prompt in suites})
    return (
        [f"eval.suites: {', '.join(both)} names a suite of the run's own test split too; rename it"]
        if both
        else []
    )


def _why(config: RunConfig, name: Split) -> str:
    """The settings that decide how many rows a split gets, and what there was to deal out."""
    split = config.data.split
    shares = {"train": 1 - split.val - split.test, "val": split.val, "test": split.test}
    limits = {"train": split.train_limit, "val": split.val_limit, "test": split.test_limit}
    share = (
        f"a share of {shares[name]:.2f}"
        if name == "train"
        else f"data.split.{name}={shares[name]:g}"
    )
    return share + ("" if limits[name] is None else f", data.split.{name}_limit={limits[name]}")
