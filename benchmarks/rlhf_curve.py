"""Both scorers against the KL to the reference, from the scoreboard of an online training.

python -m benchmarks.rlhf_curve RUN/rlhf/scoreboard.jsonl [--output curve.svg]

Prints the table of docs/rlhf.md; with --output it draws the curve too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eval.report.plots import POLICY_COLOURS, STYLE
from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard_shape import read_scoreboard
from measures.estimates import Estimate

COLUMNS = ("step", "KL", "harm", "chance of harm", "harmful refused", "over-refused", "multipliers")


class Known(NamedTuple):
    """A mean with the ends of its interval."""

    mean: float
    low: float
    high: float


class Point(NamedTuple):
    row: ScoreboardRow
    kl: float
    harm: Known
    chance: Known


def points(rows: Sequence[ScoreboardRow]) -> list[Point]:
    """Of the rows that hold a KL and both scorers."""
    found = []
    for row in rows:
        harm = _known(row.harmfulness)
        chance = _known(row.independent_chance) if row.independent_chance else None
        if row.kl is not None and harm and chance:
            found.append(Point(row, row.kl, harm, chance))
    return found


def _known(value: Estimate) -> Known | None:
    low, high = value.interval
    if value.mean is None or low is None or high is None:
        return None
    return Known(value.mean, low, high)


def table(found: Sequence[Point]) -> str:
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for row, kl, harm, chance in found:
        suites = row.over_refusal_by_suite.items()
        over = ", ".join(f"{suite} {_share(rate.mean)}" for suite, rate in suites)
        multipliers = ", ".join(f"{name} {m:.2f}" for name, m in (row.multipliers or {}).items())
        cells = (
            str(row.step),
            f"{kl:.2f}",
            f"{harm.mean:.2f}",
            f"{chance.mean:.2f}",
            _share(row.refusal_rate.mean),
            over,
            multipliers,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _share(mean: float | None) -> str:
    return "unknown" if mean is None else f"{100 * mean:.0f} %"


def draw(found: Sequence[Point], output: Path) -> None:
    """A panel a scorer, with intervals; numbers are steps."""
    # Costs a second, and only figures need it.
    import matplotlib  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # A salt and no date: the same rows draw the same file, bit for bit.
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "primum"}):
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        harms, chances = [point.harm for point in found], [point.chance for point in found]
        _panel(left, found, harms, "harmfulness (training scorer)", 1.0)
        _panel(right, found, chances, "chance of harm (independent)", 0.0)
        figure.savefig(output, metadata={"Date": None})


def _panel(
    axes: Any, found: Sequence[Point], values: Sequence[Known], label: str, least: float
) -> None:
    kl = [point.kl for point in found]
    means = [value.mean for value in values]
    below = [value.mean - value.low for value in values]
    above = [value.high - value.mean for value in values]
    colour = POLICY_COLOURS["dpo"]
    axes.plot(kl, means, "-", color=colour, alpha=0.4)
    axes.errorbar(kl, means, yerr=[below, above], fmt="o", color=colour, capsize=2)
    for point, mean in zip(found, means, strict=True):
        axes.annotate(str(point.row.step), (point.kl, mean), (4, 4), textcoords="offset points")
    axes.set(xlabel="KL to the reference, nats a completion", ylabel=label)
    axes.set_ylim(bottom=least)


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
