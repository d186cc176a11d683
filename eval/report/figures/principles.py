"""Harm by ethical principle, as a forest plot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from eval.endpoint import HARMFUL_SUITE
from eval.report.plots import GRID, INK, STYLE, arms, harm_axis, known, look, svg_of
from eval.results.results import Results
from eval.results.suite_result import PrincipleResult, SuiteResult, principles_of
from measures.estimates import Estimate
from records.principles import PRINCIPLES

ALL = "all principles"
LABEL_WIDTH = 26
"""Letters in a line of a row's label."""
LEAST_ROW = 0.55
"""Inches, in which a label of three lines has room."""
SPREAD = 0.62
"""Of a row, what its policies' marks are spread over."""


def principles_plot(results: Results, suite: str = HARMFUL_SUITE) -> str | None:
    """Mean harm of each policy for every AMA principle that has prompts, and over all of them, with
    intervals: the chance of harm where it is known, else harmfulness.

    None where no prompt names a principle or nothing measured harm.
    """
    metrics, measured = results.harm_metrics(suite, of_principles=True), {}
    for name, policy in results.policies.items():
        measured[name] = policy.suite(suite)
    numbers = principles_of(measured.values())
    if not numbers or not metrics:
        return None
    with matplotlib.rc_context(STYLE):
        height = max(LEAST_ROW, 0.16 * (len(measured) + 1))
        figure = Figure(
            figsize=(6.2, 1.5 + height * (len(numbers) + 1)),
            layout="constrained",
        )
        axes = figure.subplots()
        for place, (name, shown) in enumerate(measured.items()):
            estimates = _of_principles(shown, numbers, metrics[0])
            _marks(axes, estimates, (place, len(measured)), (name, results))
        for row in range(len(numbers)):
            last = row == len(numbers) - 1
            axes.axhline(row + 0.5, color=INK if last else GRID, linewidth=1.0 if last else 0.8)
        axes.grid(visible=False, axis="y")
        axes.set(ylim=(len(numbers) + 0.5, -0.5))
        harm_axis(axes, "x", metrics[0])
        axes.set_yticks(
            range(len(numbers) + 1),
            [*(_label(number, measured) for number in numbers), _counted(ALL, measured.values())],
        )
        figure.legend(
            loc="outside upper center",
            ncols=min(4, len(measured)),
            columnspacing=1.0,
            handletextpad=0.2,
        )
        return svg_of(figure, "principles")


def _of_principles(
    shown: SuiteResult | None, numbers: list[int], metric: str
) -> list[Estimate | None]:
    """Of each principle, then of all."""
    if shown is None:
        return []
    found = [shown.harm_of_principle(metric, number) for number in numbers]
    return [*found, shown.metric(metric)]


def _marks(
    axes: Any, estimates: list[Estimate | None], among: tuple[int, int], policy: tuple[str, Results]
) -> None:
    """One policy's mark in every row that it has a number for."""
    (place, of), (name, results) = among, policy
    # Policies beside each other in a row, or their intervals would cover one another.
    offset = SPREAD * (place / max(of - 1, 1) - 0.5) if of > 1 else 0.0
    there = []
    for row, estimate in enumerate(estimates):
        if known(estimate):
            there.append((row + offset, estimate))
    bars = [arms(estimate) for _, estimate in there]
    spread = [[low[0] for low, _ in bars], [high[0] for _, high in bars]]
    colour, marker = look(name, place)
    style: dict[str, Any] = {
        "color": colour,
        "marker": marker,
        "markersize": 6,
        "linestyle": "none",
        "elinewidth": 1.3,
        "capsize": 2,
    }
    title = results.title(name)
    axes.errorbar(
        [estimate.mean for _, estimate in there],
        [y for y, _ in there],
        xerr=spread,
        label=title,
        **style,
    )


def _label(number: int, measured: Mapping[str, SuiteResult | None]) -> str:
    """Number and first words; the table has the rest."""
    title = re.split("[,;]", PRINCIPLES[number].title)[0] if number in PRINCIPLES else str(number)
    return _counted(
        title,
        (shown.by_principle.get(str(number)) if shown else None for shown in measured.values()),
    )


def _counted(title: str, groups: Iterable[SuiteResult | PrincipleResult | None]) -> str:
    """The title with the most prompts that any policy was asked."""
    # The most of any policy, as unscored completions differ.
    most = max((group.n if group else 0 for group in groups), default=0)
    return fill(f"{title} (n\u00a0{most})", LABEL_WIDTH)
