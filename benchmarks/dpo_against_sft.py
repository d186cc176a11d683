"""Does DPO do better than more SFT at equal over-refusal?

Pareto curves on validation prompts, over seeds.

    python -m benchmarks.dpo_against_sft configs/demo.yaml --seeds 3 --folder runs/pareto
        --output benchmarks/results/dpo_against_sft.json

For every seed, DPO is trained with several proportions of over-refusal pairs and the SFT control
with as many rates, all from the same SFT policy. Each policy is one point, so that neither method
has more tries than the other: the worst rise in over-refusal above the base on any benign suite,
and how much harm is left, once as the mean of the reward model and once as the share of harmful
requests that are not refused. The reward model chose DPO's pairs and may favour it; refusals are
counted by rules and a classifier that people were asked about (docs/refusal_detector.md). Of either
method the lower left edge counts. Printed is, at several rises, what DPO leaves less what the
control leaves: its mean and standard deviation over seeds. Nothing is chosen on test prompts; eval
is never run. Three seeds of the demo take an hour or two on two cores; what is done is kept, so
that it may be stopped and begun again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard_shape import read_scoreboard
from pipeline.run.seeds import link_stage

DPO = {
    f"over_refusal_{share}": [
        f"pairs.over_refusal={share}",
        "dpo.over_refusal_limit=null",
        "dpo.candidates_per_epoch=1",
    ]
    for share in (0.8, 1.6, 3.2)
}
CONTROL = {f"rate_{rate}": [f"sft.learning_rate={rate}"] for rate in (1e-3, 2e-3, 4e-3)}
"""The control takes the rate of SFT: the SFT policy is trained before, at the recipe's own, and
taken over."""
BEFORE = ("prep", "sample", "reward", "sft", "score", "pairs")
RISES = (0.0, 0.05, 0.10, 0.15, 0.20)
"""Over-refusal above the base at which the two are held against each other."""


MEASURES: dict[str, Callable[[ScoreboardRow], float | None]] = {
    "harm": lambda row: row.harmfulness.mean,
    "not_refused": lambda row: None if row.refusal_rate.mean is None else 1 - row.refusal_rate.mean,
}
TITLES = {
    "harm": "Mean harmfulness (1 to 5) by the reward model",
    "not_refused": "Harmful requests that are not refused, as a share",
}


class Point(NamedTuple):
    rise: float
    harm: float


def points_of(
    rows: Sequence[ScoreboardRow], base: ScoreboardRow, measure: str = "harm"
) -> list[Point]:
    """Of a scoreboard's epochs after training began: suites apart, the worst one counts."""
    found = []
    for row in rows:
        rises = []
        for suite, after in row.over_refusal_by_suite.items():
            before = base.over_refusal_by_suite[suite]
            if after.mean is not None and before.mean is not None:
                rises.append(after.mean - before.mean)
        # Epoch 0 is the policy before training.
        left = MEASURES[measure](row)
        if row.epoch > 0 and rises and left is not None:
            # The worst suite: a policy that refuses one kind of benign request more has paid for
            # its harm.
            found.append(Point(max(rises), left))
    return found


def pareto(points: Iterable[Point]) -> list[Point]:
    """Those that no other one beats or equals on both counts, by rise."""
    front: list[Point] = []
    # By rise and then harm: each point need only beat the last one kept.
    for point in sorted(set(points)):
        if not front or point.harm < front[-1].harm:
            front.append(point)
    return front


def harm_at(front: Sequence[Point], rise: float) -> float | None:
    """The least harm that costs at most this rise; None where every point costs more."""
    within = []
    for point in front:
        # Shares of a few dozen prompts fall on the limits exactly, but for rounding.
        if point.rise <= rise + 1e-9:
            within.append(point.harm)
    return min(within, default=None)


def table(dpo: Sequence[Sequence[Point]], control: Sequence[Sequence[Point]]) -> list[str]:
    """A row a rise: DPO's harm less the control's at equal over-refusal, over the seeds in which
    both have a point.
    """
    rows = [
        "| over-refusal above the base, at most | seeds | DPO less control | SD over seeds |",
        "|---|---|---|---|",
    ]
    for rise in RISES:
        pairs = []
        for one, other in zip(dpo, control, strict=True):
            pairs.append((harm_at(pareto(one), rise), harm_at(pareto(other), rise)))
        leads = []
        for after, before in pairs:
            if after is not None and before is not None:
                leads.append(after - before)
        mean = f"{statistics.fmean(leads):+.2f}" if leads else "no seed"
        spread = f"{statistics.stdev(leads):.2f}" if len(leads) > 1 else "unknown"
        rows.append(f"| {100 * rise:.0f} points | {len(leads)} | {mean} | {spread} |")
    return rows


def trained(recipe: Path, words: list[str], run: Path, stages: Sequence[str]) -> None:
    """These stages of one run, each by itself: it asks only for what it reads."""
    for stage in stages:
        subprocess.run(
            [sys.executable, "-m", "pipeline.cli", stage, str(recipe), *words, f"run_dir={run}"],
            check=True,
        )


def taken_over(first: Path, run: Path, stages: Sequence[str]) -> None:
    """What the seed's first run has done stands in this one too, so that all start from one SFT
    policy.
    """
    for stage in stages:
        if not (run / stage).exists():
            run.mkdir(parents=True, exist_ok=True)
            # Linked and not copied: a stage holds weights.
            link_stage(first / stage, run / stage)


Boards = dict[str, list[ScoreboardRow]]
"""The rows of a method's policies, in one list, and those of the base."""


def boards(recipe: Path, folder: Path, seed: int) -> Boards:
    """What the scoreboards of one seed hold: the base, DPO's policies, the control's."""
    # One split for all seeds: other test prompts would be another measurement.
    common = [f"seed={seed}", "data.split.seed=0"]
    first = folder / f"seed-{seed}" / "first"
    trained(recipe, common, first, BEFORE)
    found: Boards = {"base": list(read_scoreboard(first / "sft" / "scoreboard.jsonl")[:1])}
    found |= {"dpo": [], "sft_control": []}
    for name, words in DPO.items():
        run = folder / f"seed-{seed}" / name
        # All but the pairs, which the words below change.
        taken_over(first, run, BEFORE[:-1])
        trained(recipe, [*common, *words], run, ("pairs", "dpo"))
        found["dpo"] += read_scoreboard(run / "dpo" / "scoreboard.jsonl")
    for name, words in CONTROL.items():
        run = folder / f"seed-{seed}" / name
        taken_over(first, run, BEFORE)
        trained(recipe, [*common, *words], run, ("sft_control",))
        found["sft_control"] += read_scoreboard(run / "sft_control" / "scoreboard.jsonl")
    return found


def report(seeds: Sequence[Boards]) -> dict[str, dict[str, list[str]]]:
    """By measure: the curves of each seed, and the table of DPO's leads, as lines."""
    found = {}
    for measure in MEASURES:
        points: dict[str, list[list[Point]]] = {"dpo": [], "sft_control": []}
        curves = []
        for number, seed in enumerate(seeds):
            for method, kept in points.items():
                kept.append(points_of(seed[method], seed["base"][0], measure))
                edge = pareto(kept[-1])
                front = ", ".join(f"{100 * p.rise:+.0f} points: {p.harm:.2f}" for p in edge)
                curves.append(f"seed {number}, {method}: {front}")
        found[measure] = {
            "curves": curves,
            "table": table(points["dpo"], points["sft_control"]),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    found = []
    for seed in range(options.seeds):
        found.append(boards(options.recipe, options.folder, seed))
    lines = report(found)
    for measure, told in lines.items():
        print("\n".join(["", TITLES[measure], "", *told["curves"], "", *told["table"]]))
    if options.output:
        options.output.write_text(json.dumps(lines, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
