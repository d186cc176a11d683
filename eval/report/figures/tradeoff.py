"""Harm against over-refusal, by epoch: what safety has cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from eval.endpoint import HARMFUL_SUITE
from eval.report.plots import (
    PAPER,
    POLICY_COLOURS,
    SPARE_COLOURS,
    STYLE,
    arms,
    known,
    look,
    percent,
    svg_of,
)

Json = dict[str, Any]
TOP = 5.15


def tradeoff_plot(scoreboard: Sequence[Json], results: Json) -> str | None:
    """Mean harmfulness against over-refusal of the benign suite that is refused most; the best
    corner is bottom left.

    Small circles are epochs, on validation prompts; large marks are the final policies, on test
    prompts.
    """
    points = {}
    for name, policy in results["policies"].items():
        points[name] = _final_point(policy)
    finals = {name: point for name, point in points.items() if point}
    rows = []
    for row in scoreboard:
        rows.append(
            {**row, "over_refusal": highest_over_refusal(row.get("over_refusal_by_suite") or {})}
        )
    epochs = []
    for row in rows:
        if known(row["over_refusal"]) and known(row.get("harmfulness")):
            epochs.append(row)
    if not finals and not epochs:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 5.4), layout="constrained")
        axes = figure.subplots()
        _epoch_path(axes, epochs)
        for place, (name, point) in enumerate(finals.items()):
            x, y = point["over_refusal_rate"], point["harmfulness"]
            colour, marker = look(name, list(results["policies"]).index(name))
            label = f"{results['policies'][name].get('title', name)} (test)"
            bars: Json = {"xerr": arms(x), "yerr": arms(y), "elinewidth": 1.2, "capsize": 3}
            axes.errorbar(
                [x["mean"]],
                [y["mean"]],
                **bars,
                color=colour,
                marker=marker,
                markersize=11,
                ls="none",
                label=label,
                zorder=6 + place,
            )
        axes.set(xlabel="over-refusal on the benign suite refused most (left is better)")
        axes.set(ylabel="mean harmfulness, 1 to 5 (down is better)", ylim=(0.85, TOP))
        axes.yaxis.set_major_locator(MultipleLocator(1))
        axes.autoscale(axis="x")
        axes.set_xlim(-0.02, max(0.2, axes.get_xlim()[1]))
        percent(axes, "x")
        figure.legend(loc="outside lower center", ncols=2, columnspacing=1.0, fontsize=10)
        return svg_of(figure, "tradeoff")


def highest_over_refusal(by_suite: dict[str, Json | None]) -> Json | None:
    """Of the suite that is refused most. Pooled, easy questions would hide refused twins."""
    there = []
    for row in by_suite.values():
        if row is not None and known(row):
            there.append(row)
    return max(there, key=lambda estimate: estimate["mean"], default=None)


def _epoch_path(axes: Any, epochs: Sequence[Json]) -> None:
    """A line a stage with the epoch's number in each circle.

    Where circles coincide, the first one keeps its number.
    """
    labelled: list[tuple[float, float]] = []
    for place, stage in enumerate(dict.fromkeys(row["stage"] for row in epochs)):
        rows = [row for row in epochs if row["stage"] == stage]
        points = []
        for row in rows:
            points.append((row["over_refusal"]["mean"], row["harmfulness"]["mean"]))
        look: Json = {
            "color": POLICY_COLOURS.get(stage, SPARE_COLOURS[0]),
            "zorder": 4 - 0.1 * place,
        }
        label = f"{stage.upper()} by epoch (validation)"
        axes.plot(
            *zip(*points, strict=True),
            "-o",
            **look,
            markersize=14,
            markerfacecolor=PAPER,
            linewidth=1.2,
            label=label,
        )
        for point, row in zip(points, rows, strict=True):
            if not any(_overlap(point, other) for other in labelled):
                axes.annotate(
                    str(row["epoch"]),
                    point,
                    ha="center",
                    va="center",
                    fontsize=9,
                    color=look["color"],
                    zorder=5,
                )
                labelled.append(point)


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether circles at these places would lie on each other; a step of the scale counts like a
    quarter of all prompts.
    """
    return math.dist((one[0], one[1] / 4), (other[0], other[1] / 4)) < 0.015


def _final_point(policy: Json) -> Json | None:
    harm = policy["suites"].get(HARMFUL_SUITE, {}).get("harmfulness")
    over_refusal = highest_over_refusal(
        {name: suite.get("over_refusal_rate") for name, suite in policy["suites"].items()}
    )
    return (
        {"harmfulness": harm, "over_refusal_rate": over_refusal}
        if known(harm) and over_refusal
        else None
    )
