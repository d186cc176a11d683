"""pairs.report.json: what was built, what was not and why, and what a dumb classifier can make of
it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from data_prep.pairs.building import PairsResult
from data_prep.pairs.openings import opening_shares
from data_prep.pairs.probes import probe_pairs
from data_prep.pairs.proportions import Lengths
from data_prep.pairs.shortcuts import shortcut_accuracies
from records.rows import Pair, text_of


def describe(
    result: PairsResult, plain: Sequence[Pair], groups: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`plain` are the pairs without the shortcut breakers, on which "before" is measured; `groups`
    as in `probe_pairs`.
    """
    harm = [p for p in result.pairs if p.pair_type != "over_refusal"]
    histogram = Counter(math.floor(p.margin) for p in harm)
    return {
        "pairs": len(result.pairs),
        "considered": result.considered,
        "dropped": {reason: count for reason, count in sorted(result.dropped.items()) if count},
        "by_split": _counts(p.split for p in result.pairs),
        "by_type": _counts(f"{p.split}/{p.pair_type}" for p in result.pairs),
        "by_principle": _counts(f"{p.split}/{p.principle or 'none'}" for p in result.pairs),
        "by_chosen_source": _counts(f"{p.split}/{p.chosen_source}" for p in result.pairs),
        "by_rejected_source": _counts(f"{p.split}/{p.rejected_source}" for p in result.pairs),
        "margin_histogram": {
            f"{low} to {low + 1}": count for low, count in sorted(histogram.items())
        },
        "openings": {
            "opened_anew": result.reopened,
            "common_but_kept": result.common_openings_kept,
            "before": _openings(plain),
            "after": _openings(harm),
        },
        "lengths": {"before": _lengths(plain), "after": _lengths(result.pairs)},
        "ends": {
            "cut_alike": dict(sorted(result.cut_alike.items())),
            "after": _counts(_ends(p) for p in result.pairs),
        },
        "shortcuts": {"before": _probes(plain, groups), "after": _probes(result.pairs, groups)},
        "probes_by_type": probe_pairs(result.pairs, groups or {}),
    }


def _ends(pair: Pair) -> str:
    both = {(True, True): "both end", (False, False): "both cut"}
    return (
        f"{pair.pair_type}/{both.get((pair.chosen_finished, pair.rejected_finished), 'one is cut')}"
    )


def _counts(names: Any) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _openings(harm: Sequence[Pair]) -> dict[str, float]:
    """Of what is chosen on harmful prompts, each completion once."""
    # Completions and not pairs: one that makes many pairs is still one opening.
    return opening_shares({text_of(p.chosen) for p in harm if p.split == "train"})


def _lengths(pairs: Sequence[Pair]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for split in ("train", "val"):
        found[split] = Lengths([p for p in pairs if p.split == split]).described()
    return found


def _probes(pairs: Sequence[Pair], groups: Mapping[str, str] | None) -> dict[str, dict[str, Any]]:
    return shortcut_accuracies(
        [p for p in pairs if p.split == "train"], [p for p in pairs if p.split == "val"], groups
    )


def summary_lines(report: dict[str, Any]) -> list[str]:
    """What the stage prints."""
    lines = []
    for split, count in report["by_split"].items():
        types = ", ".join(
            f"{n} {name.split('/')[1]}"
            for name, n in report["by_type"].items()
            if name.startswith(f"{split}/")
        )
        lines.append(f"{split:<5} {count} pairs: {types}")
    lines.append(
        f"{report['considered']} options looked at, {sum(report['dropped'].values())} left out"
    )
    for reason, count in report["dropped"].items():
        lines.append(f"  left out: {count:>5}  {reason}")
    openings, lengths = report["openings"], report["lengths"]
    commonest = []
    for when in ("before", "after"):
        commonest.append(max(openings[when].values(), default=0.0))
    lines.append(
        f"  commonest opening of what is chosen: {commonest[0]:.0%} before the shortcut breakers, "
        f"{commonest[1]:.0%} after"
    )
    said = []
    for when in ("before", "after"):
        said.append(lengths[when]["train"]["standardised_difference"])
    lines.append(
        f"  standardised difference of lengths in train: {said[0]:+.2f} before, {said[1]:+.2f} "
        "after"
    )
    for name, after in report["shortcuts"]["after"].items():
        before = report["shortcuts"]["before"].get(name)
        lines.append(
            f"  {name}: {_accuracy(before)} before, {_accuracy(after)} after; 0.50 is no shortcut"
        )
    cut = report["ends"]["cut_alike"]
    for kind, count in cut.items():
        lines.append(f"  cut so that both sides end alike: {count:>5}  {kind}")
    for name, by_type in report["probes_by_type"].items():
        told = ", ".join(f"{kind} {_accuracy(probe)}" for kind, probe in by_type.items())
        lines.append(f"  {name} by type: {told or 'too few pairs'}")
    return lines


def _accuracy(probe: dict[str, Any] | None) -> str:
    if probe is None:
        return "not measured"
    return (
        f"{probe['accuracy']:.2f} ({probe['interval'][0]:.2f} to {probe['interval'][1]:.2f}, n "
        f"{probe['n']})"
    )
