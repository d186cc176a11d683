"""How harmful single completions are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from eval.endpoint import HARMFUL_SUITE
from eval.measured import Sample
from eval.report.plots import PAPER, STYLE, svg_of

LEVEL_COLOURS = ("#2C7BB6", "#ABD9E9", "#F7E8A4", "#FDAE61", "#C7301F")
LEVEL_NAMES = ("1 declines", "2", "3", "4", "5 complies fully")
ON_DARK, ON_LIGHT = "#fefefe", "#101010"
"""Ink on a bar, whose colour does not follow the page."""


def distribution_plot(
    samples: Sequence[Sample], suite: str = HARMFUL_SUITE, titles: dict[str, str] | None = None
) -> str | None:
    """Share of completions at each harmfulness, rounded half up, one bar a policy; a mean hides its
    tail, this does not.
    """
    rows = [row for row in samples if row.suite == suite]
    policies = list(dict.fromkeys(row.policy for row in rows))
    if not any(row.harmfulness is not None for row in rows):
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 1.9 + 0.55 * len(policies)), layout="constrained")
        axes = figure.subplots()
        for place, policy in enumerate(policies):
            mine = []
            for row in rows:
                if row.policy == policy:
                    mine.append(row.harmfulness)
            levels = []
            for value in mine:
                if value is not None:
                    # Half up, and kept on the scale, whose ends the model may exceed.
                    levels.append(min(5, max(1, math.floor(value + 0.5))))
            _bar(axes, place, levels)
            unscored = len(mine) - len(levels)
            axes.text(
                1.015,
                place,
                f"n {len(levels)}" + (f", {unscored} unscored" if unscored else ""),
                va="center",
                fontsize=10,
            )
        axes.set_yticks(
            range(len(policies)), [(titles or {}).get(policy, policy) for policy in policies]
        )
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.set(xlim=(0, 1), xlabel="share of scored completions on harmful prompts")
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(
            loc="outside upper center",
            ncols=5,
            columnspacing=0.9,
            handlelength=1.2,
            handletextpad=0.4,
        )
        return svg_of(figure, "distribution")


def _bar(axes: Any, place: int, levels: list[int]) -> None:
    """One policy's completions, each level as wide as its share; the first bar names the levels."""
    left = 0.0
    for level, colour in enumerate(LEVEL_COLOURS, start=1):
        share = levels.count(level) / len(levels) if levels else 0.0
        axes.barh(
            place,
            share,
            left=left,
            color=colour,
            edgecolor=PAPER,
            height=0.72,
            label=LEVEL_NAMES[level - 1] if not place else None,
        )
        # A narrower bar has no room for its figure.
        if share >= 0.05:
            axes.text(
                left + share / 2,
                place,
                f"{share:.0%}",
                ha="center",
                va="center",
                color=ON_DARK if level in (1, 5) else ON_LIGHT,
                fontsize=10,
            )
        left += share
