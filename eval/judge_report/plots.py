"""Headline metrics of every scorer on one set, with intervals, beside chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from eval.judge_report.metrics import Comparison
from eval.judge_report.wording import CHANCE, HEADLINES, YARDSTICKS, title_of
from eval.report.plots import STYLE, svg_of
from measures.estimates import Estimate

MINE, YARDSTICK = "#D55E00", "#0072B2"
PANELS = 3


def scorers_plot(report: Comparison, name: str) -> str | None:
    """A panel a headline metric, a row a scorer; None where no scorer has one. `name` is a set."""
    metrics = [
        metric
        for metric in HEADLINES
        if any(metric in sets.get(name, {}) for sets in report.values())
    ][:PANELS]
    scorers = []
    for scorer, sets in report.items():
        if any(metric in sets.get(name, {}) for metric in metrics):
            scorers.append(scorer)
    if not metrics:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.4, 1.5 + 0.36 * len(scorers)), layout="constrained")
        panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
        for axes, metric in zip(panels, metrics, strict=True):
            for place, scorer in enumerate(scorers):
                _point(
                    axes,
                    place,
                    report[scorer].get(name, {}).get(metric),
                    mine=scorer not in YARDSTICKS,
                )
            axes.axvline(CHANCE[metric], color="#777777", linewidth=1.2, linestyle=(0, (4, 3)))
            axes.set(
                title=HEADLINES[metric].replace(": ", ":\n"),
                xlim=_limits(report, scorers, name, metric),
            )
            axes.xaxis.set_major_locator(MultipleLocator(0.2 if len(metrics) > 1 else 0.1))
            axes.title.set_fontsize(11)
        panels[0].set_yticks(range(len(scorers)), [title_of(scorer) for scorer in scorers])
        panels[0].set_ylim(len(scorers) - 0.5, -0.5)
        return svg_of(figure, f"scorers-{name}")


def _limits(
    report: Comparison, scorers: Sequence[str], name: str, metric: str
) -> tuple[float, float]:
    """The whole of what is drawn, chance included, to 1."""
    found = [report[scorer].get(name, {}).get(metric) for scorer in scorers]
    lows = []
    for entry in found:
        if entry and entry.mean is not None:
            lows.append(entry.mean if entry.low is None else entry.low)
    return min([CHANCE[metric], *lows]) - 0.04, 1.02


def _point(axes: Any, place: int, entry: Estimate | None, *, mine: bool) -> None:
    if entry is None or entry.mean is None:
        return
    low = entry.mean if entry.low is None else entry.low
    high = entry.mean if entry.high is None else entry.high
    # An interval of another kind of estimate need not hold its value.
    arms = [[max(entry.mean - low, 0)], [max(high - entry.mean, 0)]]
    look = {"color": MINE if mine else YARDSTICK, "marker": "o" if mine else "s"}
    axes.errorbar(
        [entry.mean], [place], xerr=arms, ls="none", markersize=6.5, elinewidth=1.6, **look
    )
