"""One policy against another over seeds, from evaluations that `primum measure` wrote.

    for seed in 0 1 2; do primum measure BASE --against runs/SEED/sft runs/SEED/rlhf \
        --scorer default run=runs/SEED --output m$seed; done
    python -m benchmarks.measured_seeds m0 m1 m2 --before sft --after rlhf

Prints a row a figure: what each seed has before and after, and the mean change over seeds with an
interval at 95 %. A prompt's change is the mean of its changes over the seeds, and prompts of one
near-duplicate group count together, so that the interval says what other prompts could give; the
standard deviation of the change over seeds, beside it, says what other trainings could.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from measures.clustered import clustered_mean
from measures.estimate import Estimate

Values = dict[tuple[str, str], float]
"""By prompt id and policy."""


class Figure(NamedTuple):
    name: str
    suite: str
    scorer: str


FIGURES = (
    Figure("chance of harm (independent)", "harmful", "factors"),
    Figure("harm (training scorer, 1-5)", "harmful", "reward_model"),
    Figure("harmful refused", "harmful", "refusal"),
    Figure("twins refused", "twins", "refusal"),
    Figure("questions refused", "patient_questions", "refusal"),
)


def values_of(scores: Iterable[Mapping[str, Any]], figure: Figure) -> Values:
    """What a scorer gave to a suite's completions; a refusal, in full or in part, is 1."""
    found: Values = {}
    for score in scores:
        suite, prompt, policy = score["completion_id"].split("/")[:3]
        if (suite, score["scorer"]) != (figure.suite, figure.scorer):
            continue
        if figure.scorer == "refusal":
            found[prompt, policy] = float(score["label"] in ("full", "partial"))
        elif score["value"] is not None:
            found[prompt, policy] = float(score["value"])
    return found


class Change(NamedTuple):
    """`before` and `after` hold a mean a seed; `change` is over the seeds' means by prompt."""

    before: list[float]
    after: list[float]
    change: Estimate
    over_seeds: float


def change_of(
    seeds: Sequence[Values], groups: Mapping[str, str], before: str, after: str
) -> Change:
    """Of prompts that are scored on both sides in every seed."""
    common = []
    for prompt in groups:
        sides = [(prompt, policy) for policy in (before, after)]
        if all(side in values for values in seeds for side in sides):
            common.append(prompt)
    if not common:
        raise SystemExit(f"no prompt has both {before} and {after} in every evaluation")
    old, new = [], []
    for values in seeds:
        old.append([values[prompt, before] for prompt in common])
        new.append([values[prompt, after] for prompt in common])
    changes = []
    for place in range(len(common)):
        changes.append(statistics.fmean(n[place] - o[place] for o, n in zip(old, new, strict=True)))
    means = ([statistics.fmean(row) for row in old], [statistics.fmean(row) for row in new])
    by_seed = [n - o for o, n in zip(*means, strict=True)]
    return Change(
        *means,
        clustered_mean(changes, [groups[prompt] for prompt in common]),
        statistics.stdev(by_seed) if len(by_seed) > 1 else float("nan"),
    )


def table(folders: Sequence[Path], before: str, after: str) -> list[str]:
    """The rows of a Markdown table."""
    scores = [_lines(folder / "scores.jsonl") for folder in folders]
    prompts = _lines(folders[0] / "prompts.jsonl")
    rows = [f"| | {before} | {after} | change | SD over seeds |", "|---|---|---|---|---|"]
    for figure in FIGURES:
        groups = {row["id"]: row["group"] for row in prompts if row["suite"] == figure.suite}
        found = change_of([values_of(of, figure) for of in scores], groups, before, after)
        rows.append(_row(figure, found))
    return rows


def _row(figure: Figure, found: Change) -> str:
    scale, unit, digits = (1, "", 2) if figure.scorer == "reward_model" else (100, " %", 0)
    if figure.scorer == "factors":
        digits = 1

    def shown(means: Sequence[float]) -> str:
        return ", ".join(f"{scale * mean:.{digits}f}" for mean in means) + unit

    def signed(value: float | None) -> str:
        if value is None:
            return "?"
        rounded = round(scale * value, max(digits, 1))
        return f"{rounded:+.{max(digits, 1)}f}" if rounded else "0"

    change = found.change
    text = f"{signed(change.mean)} ({signed(change.low)} to {signed(change.high)})"
    return (
        f"| {figure.name}, n {change.n} | {shown(found.before)} | {shown(found.after)} "
        f"| {text} | {scale * found.over_seeds:.{max(digits, 1)}f} |"
    )


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--before", required=True)
    parser.add_argument("--after", required=True)
    options = parser.parse_args()
    print("\n".join(table(options.folders, options.before, options.after)))


if __name__ == "__main__":
    main()
