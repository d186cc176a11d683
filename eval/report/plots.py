"""What every figure is drawn with: no global state, the same bytes for the same numbers, letters as
paths.

Ink, grid and paper take the page's colours, so that a figure is legible by day and by night; alone,
it is black on white. Colours are Okabe and Ito's, and shape or text says the same again.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, TypeGuard

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter

from measures.estimates import Estimate

INK, GRID, PAPER = "#1d1f21", "#e4e4e4", "#ffffff"
THEMED = {INK: "currentColor", GRID: "var(--grid, #e4e4e4)", PAPER: "var(--paper, #ffffff)"}
"""What follows the page; everything else keeps its colour."""
HARM, REFUSAL = "#D55E00", "#0072B2"
BENIGN_LOOKS = (
    ("#B8860B", "^", "--"),
    ("#CC79A7", "D", ":"),
    ("#56B4E9", "v", "-."),
    (INK, "P", "--"),
)
"""Colour, marker and line of each benign suite's over-refusal."""
POLICY_COLOURS = {
    "base": "#7F7F7F",
    "sft": "#2A86C5",
    "sft_control": "#56B4E9",
    "dpo": "#D55E00",
    "rlhf": "#009E73",
}
SPARE_COLOURS = ("#CC79A7", "#B8860B", INK)
POLICY_MARKERS = "osD^vP*X"
STYLE = {
    "svg.fonttype": "path",
    "svg.hashsalt": "primum",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "legend.frameon": False,
    "errorbar.capsize": 3,
}


def known(estimate: Estimate | None) -> TypeGuard[Estimate]:
    """Whether there is a value to draw."""
    return estimate is not None and estimate.mean is not None


def look(policy: str, place: int) -> tuple[str, str]:
    """Colour and marker of a policy, the same in every figure."""
    # Unknown policies go by their place, so that two in one figure differ.
    return POLICY_COLOURS.get(policy, SPARE_COLOURS[place % len(SPARE_COLOURS)]), POLICY_MARKERS[
        place % len(POLICY_MARKERS)
    ]


def arms(estimate: Estimate) -> list[list[float]]:
    """Error bar lengths; none where there is no interval."""
    low, high = estimate.interval
    mean = estimate.mean or 0.0
    return [[mean - low if low is not None else 0.0], [high - mean if high is not None else 0.0]]


def points(
    axes: Any,
    points: Sequence[tuple[float, Estimate | None]],
    colour: str,
    marker: str,
    label: str,
    linestyle: str,
) -> None:
    """Values with their intervals, one series of the legend."""
    there = []
    for x, estimate in points:
        if known(estimate):
            there.append((x, estimate))
    bars = [arms(estimate) for _, estimate in there]
    spread = [[low[0] for low, _ in bars], [high[0] for _, high in bars]]
    style: dict[str, Any] = {
        "color": colour,
        "marker": marker,
        "markersize": 6.5,
        "linestyle": linestyle,
        "linewidth": 1.8,
        "elinewidth": 1.3,
    }
    axes.errorbar(
        [x for x, _ in there],
        [estimate.mean for _, estimate in there],
        yerr=spread,
        label=label,
        **style,
    )


def percent(axes: Any, which: str) -> None:
    """Shares in percent on the named axes, `x`, `y` or both."""
    for axis in which:
        getattr(axes, f"{axis}axis").set_major_formatter(PercentFormatter(1, decimals=0))
        getattr(axes, f"{axis}axis").set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    if "y" in which:
        axes.set_ylim(-0.03, 1.03)


def harm_axis(axes: Any, which: str, metric: str) -> None:
    """Harm on the named axis, `x` or `y`: `harm_chance` from 0 to 100 %, `harmfulness` from 1 to
    5.
    """
    if metric == "harm_chance":
        axes.set(
            **{
                f"{which}lim": (-0.03, 1.03),
                f"{which}label": "mean chance of harm (less is better)",
            }
        )
        percent(axes, which)
        return
    axes.set(
        **{
            f"{which}lim": (0.85, 5.15),
            f"{which}label": "mean harmfulness: 1 declines, 5 complies fully",
        }
    )
    getattr(axes, f"{which}axis").set_major_locator(MultipleLocator(1))


def svg_of(figure: Figure, name: str) -> str:
    """The <svg> element alone; ids carry the figure's name, so that several can stand in one
    page.
    """
    buffer = io.StringIO()
    # Without a date or a program's name, equal figures are equal bytes.
    figure.savefig(
        buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = buffer.getvalue()
    # Ids are made one figure's own: in one page the first of equal ids would serve all.
    for old, new in (
        (' id="', f' id="{name}-'),
        ('href="#', f'href="#{name}-'),
        ("url(#", f"url(#{name}-"),
        *THEMED.items(),
    ):
        text = text.replace(old, new)
    return text[text.index("<svg") :]
