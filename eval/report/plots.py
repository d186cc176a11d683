"""Figures of the report as SVG text: no global state, the same bytes for the same numbers, letters as paths.

Every figure is None where its numbers are missing. Colours are Okabe and Ito's, and shape or text says the same again.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter

from eval.endpoint import HARMFUL_SUITE
from eval.report.epochs import benign_suites
from eval.report.tables import spoken
from records.escaping import one_line
from records.principles import PRINCIPLES

Json = dict[str, Any]
HARM, REFUSAL = "#D55E00", "#0072B2"
BENIGN_LOOKS = (
    ("#B8860B", "^", "--"),
    ("#CC79A7", "D", ":"),
    ("#56B4E9", "v", "-."),
    ("#000000", "P", "--"),
)
"""Colour, marker and line of each benign suite's over-refusal."""
POLICY_COLOURS = {"base": "#4D4D4D", "sft": "#0072B2", "sft_control": "#56B4E9", "dpo": "#D55E00", "rlhf": "#009E73"}
SPARE_COLOURS = ("#CC79A7", "#B8860B", "#000000")
POLICY_MARKERS = "osD^vP*X"
LEVEL_COLOURS = ("#2C7BB6", "#ABD9E9", "#F7E8A4", "#FDAE61", "#C7301F")
LEVEL_NAMES = ("1 declines", "2", "3", "4", "5 complies fully")
STYLE = {
    "svg.fonttype": "path",
    "svg.hashsalt": "primum",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "legend.frameon": False,
    "errorbar.capsize": 3,
}


def epochs_plot(scoreboard: Sequence[Json]) -> str | None:
    """Mean harmfulness above; refusal, and over-refusal of each benign suite, below.

    Epochs stand in the order they were trained.
    """
    if not scoreboard:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 6.4), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
        _line(above, scoreboard, "harmfulness", HARM, "o", "mean harmfulness")
        _line(below, scoreboard, "refusal_rate", REFUSAL, "s", "refusal on harmful prompts (higher is safer)", shift=-0.04)
        for place, suite in enumerate(benign_suites(scoreboard)):
            rows = [{**row, "apart": _apart(row).get(suite)} for row in scoreboard]
            colour, marker, line = BENIGN_LOOKS[place % len(BENIGN_LOOKS)]
            label = f"over-refusal on {one_line(spoken(suite))} (lower is better)"
            _line(below, rows, "apart", colour, marker, label, line, shift=0.04 * (place + 1))
        above.set(ylim=(0.9, 5.1), ylabel="mean harmfulness\n1 declines, 5 complies")
        above.yaxis.set_major_locator(MultipleLocator(1))
        below.set(ylabel="share of prompts", xlabel="policy epoch (0 is before the first step)")
        _percent(below, "y")
        below.set_xticks(range(len(scoreboard)), [str(row["epoch"]) for row in scoreboard])
        below.set_xlim(-0.5, len(scoreboard) - 0.5)
        _stages(above, below, scoreboard)
        figure.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return svg_of(figure, "epochs")


def principles_plot(results: Json, suite: str = HARMFUL_SUITE) -> str | None:
    """Mean harmfulness of each policy for every AMA principle that has prompts."""
    by_policy = {name: policy["suites"].get(suite, {}).get("by_principle") or {} for name, policy in results["policies"].items()}
    principles = sorted({int(number) for groups in by_policy.values() for number in groups})
    if not principles:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.6), layout="constrained")
        axes = figure.subplots()
        spread = 0.62 / max(len(by_policy) - 1, 1)
        for place, (name, groups) in enumerate(by_policy.items()):
            offset = spread * (place - (len(by_policy) - 1) / 2)
            points = [(x + offset, groups.get(str(number), {}).get("harmfulness")) for x, number in enumerate(principles)]
            _points(axes, points, *_look(name, place), results["policies"][name].get("title", name), "none")
        for x in range(len(principles) - 1):
            axes.axvline(x + 0.5, color="#CCCCCC", linewidth=0.8)
        axes.grid(visible=False, axis="x")
        axes.set(ylim=(0.9, 5.1), xlim=(-0.5, len(principles) - 0.5), ylabel="mean harmfulness\n1 declines, 5 complies")
        axes.set(xlabel="AMA Principle of Medical Ethics")
        axes.yaxis.set_major_locator(MultipleLocator(1))
        axes.set_xticks(range(len(principles)), [PRINCIPLES[number].title.partition(".")[0] for number in principles])
        figure.legend(loc="outside upper center", ncols=4)
        return svg_of(figure, "principles")


def tradeoff_plot(scoreboard: Sequence[Json], results: Json) -> str | None:
    """Refusal on harmful prompts against over-refusal of the benign suite that is refused most.

    Small circles are epochs, large marks the final policies.
    """
    points = {name: _final_point(policy) for name, policy in results["policies"].items()}
    finals = {name: point for name, point in points.items() if point}
    rows = [{**row, "over_refusal": highest_over_refusal(_apart(row))} for row in scoreboard]
    epochs = [row for row in rows if _known(row["over_refusal"]) and _known(row.get("refusal_rate"))]
    if not finals and not epochs:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 6), layout="constrained")
        axes = figure.subplots()
        _epoch_path(axes, epochs)
        for place, (name, point) in enumerate(finals.items()):
            x, y = point["over_refusal_rate"], point["refusal_rate"]
            colour, marker = _look(name, list(results["policies"]).index(name))
            label = f"{results['policies'][name].get('title', name)} (test prompts)"
            bars: Json = {"xerr": _arms(x), "yerr": _arms(y), "elinewidth": 1.2, "capsize": 3}
            axes.errorbar(
                [x["mean"]], [y["mean"]], **bars, color=colour, marker=marker, markersize=11, ls="none", label=label, zorder=6 + place
            )
        axes.set(xlabel="over-refusal of the benign suite that is refused most (left is better)")
        axes.set(ylabel="harmful prompts refused (up is better)")
        axes.autoscale(axis="x")
        axes.set_xlim(-0.02, max(0.2, axes.get_xlim()[1]))
        _percent(axes, "xy")
        figure.legend(loc="outside lower center", ncols=2)
        return svg_of(figure, "tradeoff")


def distribution_plot(samples: Sequence[Json], suite: str = HARMFUL_SUITE, titles: dict[str, str] | None = None) -> str | None:
    """Share of completions at each harmfulness, rounded half up, one bar a policy; a mean hides its tail, this does not."""
    rows = [row for row in samples if row["suite"] == suite]
    policies = list(dict.fromkeys(row["policy"] for row in rows))
    if not any(row["harmfulness"] is not None for row in rows):
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 1.7 + 0.55 * len(policies)), layout="constrained")
        axes = figure.subplots()
        for place, policy in enumerate(policies):
            mine = [row["harmfulness"] for row in rows if row["policy"] == policy]
            levels = [min(5, max(1, math.floor(value + 0.5))) for value in mine if value is not None]
            left = 0.0
            for level, colour in enumerate(LEVEL_COLOURS, start=1):
                share = levels.count(level) / len(levels) if levels else 0.0
                axes.barh(
                    place,
                    share,
                    left=left,
                    color=colour,
                    edgecolor="white",
                    height=0.72,
                    label=LEVEL_NAMES[level - 1] if not place else None,
                )
                if share >= 0.05:
                    ink = "white" if level in (1, 5) else "black"
                    axes.text(left + share / 2, place, f"{share:.0%}", ha="center", va="center", color=ink, fontsize=10)
                left += share
            unscored = len(mine) - len(levels)
            axes.text(1.015, place, f"n {len(levels)}" + (f", {unscored} unscored" if unscored else ""), va="center", fontsize=10)
        axes.set_yticks(range(len(policies)), [(titles or {}).get(policy, policy) for policy in policies])
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.set(xlim=(0, 1), xlabel="share of scored completions on harmful prompts")
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(loc="outside upper center", ncols=5)
        return svg_of(figure, "distribution")


def highest_over_refusal(by_suite: dict[str, Json | None]) -> Json | None:
    """Of the suite that is refused most. Pooled, easy questions would hide refused twins."""
    known = [row for row in by_suite.values() if row is not None and _known(row)]
    return max(known, key=lambda estimate: estimate["mean"], default=None)


def _apart(row: Json) -> dict[str, Json | None]:
    return row.get("over_refusal_by_suite") or {}


def _epoch_path(axes: Any, epochs: Sequence[Json]) -> None:
    """A line a stage with the epoch's number in each circle. Where circles coincide, the first one keeps its number."""
    labelled: list[tuple[float, float]] = []
    for place, stage in enumerate(dict.fromkeys(row["stage"] for row in epochs)):
        rows = [row for row in epochs if row["stage"] == stage]
        points = [(row["over_refusal"]["mean"], row["refusal_rate"]["mean"]) for row in rows]
        look: Json = {"color": POLICY_COLOURS.get(stage, SPARE_COLOURS[0]), "zorder": 4 - 0.1 * place}
        label = f"{stage.upper()} by epoch (validation prompts)"
        axes.plot(*zip(*points, strict=True), "-o", **look, markersize=14, markerfacecolor="white", linewidth=1.2, label=label)
        for point, row in zip(points, rows, strict=True):
            if not any(math.dist(point, other) < 0.01 for other in labelled):
                axes.annotate(str(row["epoch"]), point, ha="center", va="center", fontsize=9, color=look["color"], zorder=5)
                labelled.append(point)


def _final_point(policy: Json) -> Json | None:
    refusal = policy["suites"].get(HARMFUL_SUITE, {}).get("refusal_rate")
    rates = {name: suite.get("over_refusal_rate") for name, suite in policy["suites"].items()}
    over_refusal = highest_over_refusal(rates)
    return {"refusal_rate": refusal, "over_refusal_rate": over_refusal} if _known(refusal) and over_refusal else None


def _known(estimate: Json | None) -> bool:
    return bool(estimate) and estimate is not None and estimate.get("mean") is not None


def _look(policy: str, place: int) -> tuple[str, str]:
    """Colour and marker of a policy, the same in every figure."""
    return POLICY_COLOURS.get(policy, SPARE_COLOURS[place % len(SPARE_COLOURS)]), POLICY_MARKERS[place % len(POLICY_MARKERS)]


def _arms(estimate: Json) -> list[list[float]]:
    """Error bar lengths; none where there is no interval."""
    low, high = estimate["interval"]
    mean = estimate["mean"]
    return [[mean - low if low is not None else 0.0], [high - mean if high is not None else 0.0]]


def _points(axes: Any, points: Sequence[tuple[float, Json | None]], colour: str, marker: str, label: str, linestyle: str) -> None:
    known = [(x, estimate) for x, estimate in points if estimate is not None and _known(estimate)]
    arms = [_arms(estimate) for _, estimate in known]
    spread = [[low[0] for low, _ in arms], [high[0] for _, high in arms]]
    style: Json = {"color": colour, "marker": marker, "markersize": 6.5, "linestyle": linestyle, "linewidth": 1.8, "elinewidth": 1.3}
    axes.errorbar([x for x, _ in known], [estimate["mean"] for _, estimate in known], yerr=spread, label=label, **style)


def _line(
    axes: Any, scoreboard: Sequence[Json], key: str, colour: str, marker: str, label: str, linestyle: str = "-", *, shift: float = 0.0
) -> None:
    """One line a stage: what ends a stage is not what the next one starts with, unless its epoch 0 says so."""
    for number, stage in enumerate(dict.fromkeys(row["stage"] for row in scoreboard)):
        points = [(x + shift, row.get(key)) for x, row in enumerate(scoreboard) if row["stage"] == stage]
        _points(axes, points, colour, marker, label if number == 0 else "_nolegend_", linestyle)


def _stages(above: Any, below: Any, scoreboard: Sequence[Json]) -> None:
    """Name each stage over its epochs, divide it from the next, and shade the epoch that was kept."""
    for stage in dict.fromkeys(row["stage"] for row in scoreboard):
        places = [x for x, row in enumerate(scoreboard) if row["stage"] == stage]
        above.annotate(stage.upper(), (sum(places) / len(places), 1.02), xycoords=("data", "axes fraction"), ha="center", weight="bold")
        for axes in (above, below):
            if places[0]:
                axes.axvline(places[0] - 0.5, color="#777777", linewidth=1.2, linestyle=(0, (4, 3)))
    for x, row in enumerate(scoreboard):
        if row.get("chosen"):
            for axes in (above, below):
                axes.axvspan(x - 0.3, x + 0.3, color="#009E73", alpha=0.13, linewidth=0)
            above.annotate("kept", (x, 0.97), xycoords=("data", "axes fraction"), ha="center", va="top", fontsize=10, color="#00664B")


def _percent(axes: Any, which: str) -> None:
    for axis in which:
        getattr(axes, f"{axis}axis").set_major_formatter(PercentFormatter(1, decimals=0))
        getattr(axes, f"{axis}axis").set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    if "y" in which:
        axes.set_ylim(-0.03, 1.03)


def svg_of(figure: Figure, name: str) -> str:
    """The <svg> element alone; ids carry the figure's name, so that several can stand in one page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    return (
        text[text.index("<svg") :].replace(' id="', f' id="{name}-').replace('href="#', f'href="#{name}-').replace("url(#", f"url(#{name}-")
    )
