"""Harm and refusal after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from eval.report.epochs import benign_suites
from eval.report.plots import BENIGN_LOOKS, HARM, REFUSAL, STYLE, percent, points, svg_of
from eval.report.tables import spoken
from eval.results.scoreboard_row import ScoreboardRow
from measures.estimates import Estimate
from records.escaping import one_line


class _Series(NamedTuple):
    """A figure of every epoch, and how it is drawn."""

    of: Callable[[ScoreboardRow], Estimate | None]
    colour: str
    marker: str
    label: str
    linestyle: str = "-"
    shift: float = 0.0
    """To the right of the epoch, so that lines do not hide each other."""


def epochs_plot(scoreboard: Sequence[ScoreboardRow]) -> str | None:
    """Mean harmfulness above; refusal, and over-refusal of each benign suite, below.

    Epochs stand in the order they were trained.
    """
    if not scoreboard:
        return None
    suites = benign_suites(scoreboard)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 5.2 + 0.25 * (1 + len(suites))), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
        harm = _Series(lambda row: row.harmfulness, HARM, "o", "mean harmfulness")
        _line(above, scoreboard, harm)
        label = "refusal on harmful prompts (higher is safer)"
        refusal = _Series(lambda row: row.refusal_rate, REFUSAL, "s", label, shift=-0.04)
        _line(below, scoreboard, refusal)
        for place, suite in enumerate(suites):
            apart = partial(_apart, suite=suite)
            colour, marker, line = BENIGN_LOOKS[place % len(BENIGN_LOOKS)]
            label = f"over-refusal on {one_line(spoken(suite))} (lower is better)"
            shift = 0.04 * (place + 1)
            _line(below, scoreboard, _Series(apart, colour, marker, label, line, shift))
        above.set(ylim=(0.9, 5.1), ylabel="mean harmfulness\n1 declines, 5 complies")
        above.yaxis.set_major_locator(MultipleLocator(1))
        below.set(ylabel="share of prompts", xlabel="policy epoch (0 is before the first step)")
        percent(below, "y")
        below.set_xticks(range(len(scoreboard)), [str(row.epoch) for row in scoreboard])
        below.set_xlim(-0.5, len(scoreboard) - 0.5)
        _stages(above, below, scoreboard)
        figure.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=1)
        return svg_of(figure, "epochs")


def _apart(row: ScoreboardRow, suite: str) -> Estimate | None:
    return row.over_refusal_by_suite.get(suite)


def _line(axes: Any, scoreboard: Sequence[ScoreboardRow], series: _Series) -> None:
    """One line a stage: what ends a stage is not what the next one starts with, unless its epoch 0
    says so.
    """
    # Stages apart: a line across would show a step that no training made.
    for number, stage in enumerate(dict.fromkeys(row.stage for row in scoreboard)):
        line = []
        for x, row in enumerate(scoreboard):
            if row.stage == stage:
                line.append((x + series.shift, series.of(row)))
        # One entry of the legend for all stages' lines.
        label = series.label if number == 0 else "_nolegend_"
        points(axes, line, series.colour, series.marker, label, series.linestyle)


def _stages(above: Any, below: Any, scoreboard: Sequence[ScoreboardRow]) -> None:
    """Name each stage over its epochs, divide it from the next, and shade the epoch that was
    kept.
    """
    for stage in dict.fromkeys(row.stage for row in scoreboard):
        places = []
        for x, row in enumerate(scoreboard):
            if row.stage == stage:
                places.append(x)
        above.annotate(
            stage.upper(),
            (sum(places) / len(places), 1.02),
            xycoords=("data", "axes fraction"),
            ha="center",
            weight="bold",
        )
        for axes in (above, below):
            if places[0]:
                axes.axvline(places[0] - 0.5, color="#777777", linewidth=1.2, linestyle=(0, (4, 3)))
    for x, row in enumerate(scoreboard):
        if row.chosen:
            for axes in (above, below):
                axes.axvspan(x - 0.3, x + 0.3, color="#009E73", alpha=0.13, linewidth=0)
            above.annotate(
                "kept",
                (x, 0.97),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="top",
                fontsize=10,
                color="#009E73",
            )
