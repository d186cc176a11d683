"""Harm against over-refusal, by epoch: what safety has cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure

from eval.report.plots import (
    PAPER,
    POLICY_COLOURS,
    SPARE_COLOURS,
    STYLE,
    arms,
    harm_axis,
    known,
    look,
    percent,
    svg_of,
)
from eval.results.policy_result import PolicyResult
from eval.results.results import Results
from eval.results.scoreboard_row import ScoreboardRow
from measures.estimates import Estimate


class _Point(NamedTuple):
    over_refusal: Estimate
    harm: Estimate

    @property
    def means(self) -> tuple[float, float]:
        """Both are known."""
        return float(self.over_refusal.mean or 0.0), float(self.harm.mean or 0.0)


class _Epoch(NamedTuple):
    row: ScoreboardRow
    point: _Point


def tradeoff_plot(scoreboard: Sequence[ScoreboardRow], results: Results) -> str | None:
    """Harm against over-refusal of the benign suite that is refused most; the best corner is bottom
    left.

    Small circles are epochs, on validation prompts; large marks are the final policies, on test
    prompts. Epochs know harmfulness alone, so the chance of harm stands here only where no reward
    model was asked.
    """
    suite = results.endpoint.suite
    # The last of the metrics is the one that epochs know too, so that both can be drawn on one
    # axis.
    metric = (results.harm_metrics(suite) or ["harmfulness"])[-1]
    finals = {}
    for name, policy in results.policies.items():
        if point := _final_point(policy, suite, metric):
            finals[name] = point
    epochs = []
    for row in scoreboard:
        over_refusal = highest_over_refusal(row.over_refusal_by_suite)
        # A point needs both coordinates.
        if over_refusal and known(row.harmfulness):
            epochs.append(_Epoch(row, _Point(over_refusal, row.harmfulness)))
    if not finals and not epochs:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 5.4), layout="constrained")
        axes = figure.subplots()
        _epoch_path(axes, epochs)
        for place, (name, point) in enumerate(finals.items()):
            x, y = point
            colour, marker = look(name, list(results.policies).index(name))
            label = f"{results.title(name)} (test)"
            style: dict[str, Any] = {"elinewidth": 1.2, "capsize": 3, "zorder": 6 + place}
            axes.errorbar(
                [point.means[0]],
                [point.means[1]],
                xerr=arms(x),
                yerr=arms(y),
                **style,
                color=colour,
                marker=marker,
                markersize=11,
                ls="none",
                label=label,
            )
        axes.set(xlabel="over-refusal on the benign suite refused most (left is better)")
        harm_axis(axes, "y", metric)
        axes.autoscale(axis="x")
        # At least to 20 %, or noise of one prompt would fill the figure.
        axes.set_xlim(-0.02, max(0.2, axes.get_xlim()[1]))
        percent(axes, "x")
        figure.legend(loc="outside lower center", ncols=2, columnspacing=1.0, fontsize=10)
        return svg_of(figure, "tradeoff")


def highest_over_refusal(by_suite: Mapping[str, Estimate | None]) -> Estimate | None:
    """Of the suite that is refused most. Pooled, easy questions would hide refused twins."""
    there = []
    for row in by_suite.values():
        if known(row):
            there.append(row)
    return max(there, key=lambda estimate: float(estimate.mean or 0.0), default=None)


def _epoch_path(axes: Any, epochs: Sequence[_Epoch]) -> None:
    """A line a stage with the epoch's number in each circle.

    Where circles coincide, the first one keeps its number.
    """
    labelled: list[tuple[float, float]] = []
    for place, stage in enumerate(dict.fromkeys(one.row.stage for one in epochs)):
        rows = [one for one in epochs if one.row.stage == stage]
        points = []
        for one in rows:
            points.append(one.point.means)
        look: dict[str, Any] = {
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
        for point, one in zip(points, rows, strict=True):
            # Numbers on top of each other could not be read; the first stays.
            if not any(_overlap(point, other) for other in labelled):
                axes.annotate(
                    str(one.row.epoch),
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


def _final_point(policy: PolicyResult, harmful: str, metric: str) -> _Point | None:
    suite = policy.suite(harmful)
    over_refusal = highest_over_refusal(
        {name: suite.over_refusal_rate for name, suite in policy.suites.items()}
    )
    harm = suite.metric(metric) if suite else None
    if not known(harm) or over_refusal is None:
        return None
    return _Point(over_refusal, harm)
