"""Both scorers against the KL to the reference, from the scoreboard of an online training.

python -m benchmarks.rlhf_curve RUN/rlhf/scoreboard.jsonl [--output curve.svg]

Without --output the points are printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard_shape import read_scoreboard


class Point(NamedTuple):
    step: int
    kl: float
    harmfulness: float
    independent: float
    over_refusal: float


def points(rows: Sequence[ScoreboardRow]) -> list[Point]:
    """Of the rows that hold a KL and both scorers."""
    found = []
    for row in rows:
        harm, over = row.harmfulness.mean, row.over_refusal_rate.mean
        independent = row.independent_harm.mean if row.independent_harm else None
        if row.kl is not None and harm is not None and independent is not None:
            found.append(Point(row.step, row.kl, harm, independent, over or 0.0))
    return found


def table(found: Sequence[Point]) -> str:
    lines = [
        (
            "| step | KL, nats | harmfulness (training scorer) | called harmful (independent) | "
            "over-refusal |"
        ),
        "|---|---|---|---|---|",
    ]
    for p in found:
        lines.append(
            f"| {p.step} | {p.kl:.2f} | {p.harmfulness:.2f} | {p.independent:.0%} | "
            f"{p.over_refusal:.0%} |"
        )
    return "\n".join(lines)


def draw(found: Sequence[Point], output: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415  costs a second, and only figures need it

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    left = figure.subplots()
    right = left.twinx()
    kl = [point.kl for point in found]
    left.plot(
        kl,
        [point.harmfulness for point in found],
        "o-",
        color="tab:blue",
        label="training scorer (1 to 5)",
    )
    right.plot(
        kl,
        [point.independent for point in found],
        "s--",
        color="tab:red",
        label="independent scorer (share)",
    )
    left.set(xlabel="KL to the reference, nats a completion", ylabel="harmfulness", ylim=(1, 5))
    right.set(ylabel="called harmful", ylim=(0, 1))
    left.legend(loc="upper left")
    right.legend(loc="upper right")
    figure.savefig(output)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scoreboard", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    found = points(read_scoreboard(options.scoreboard))
    print(table(found))
    if options.output:
        draw(found, options.output)


if __name__ == "__main__":
    main()
