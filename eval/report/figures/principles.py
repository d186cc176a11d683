"""Harm by ethical principle, as a forest plot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from eval.endpoint import HARMFUL_SUITE
from eval.report.plots import GRID, INK, STYLE, arms, known, look, svg_of
from eval.results.results import Results
from eval.results.suite_result import PrincipleResult, SuiteResult
from measures.estimates import Estimate
from records.principles import PRINCIPLES

ALL = "all principles"
LABEL_WIDTH = 26
"""Letters in a line of a row's label."""
SPREAD = 0.62
"""Of a row, what its policies' marks are spread over."""


def principles_plot(results: Results, suite: str = HARMFUL_SUITE) -> str | None:
    """Mean harmfulness of each policy for every AMA principle that has prompts, and over all of
    them, with intervals.
    """
    measured = {}
    for name, policy in results.policies.items():
        measured[name] = policy.suite(suite)
    numbers = sorted({int(number) for shown in measured.values() for number in _groups(shown)})
    if not numbers:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(
            figsize=(6.2, 1.5 + 0.16 * (len(numbers) + 1) * (len(measured) + 1)),
            layout="constrained",
        )
        axes = figure.subplots()
        for place, (name, shown) in enumerate(measured.items()):
            _marks(
                axes,
                [*_of_principles(shown, numbers), shown.harmfulness if shown else None],
                (place, len(measured)),
                (name, results),
            )
        for row in range(len(numbers)):
            last = row == len(numbers) - 1
            axes.axhline(row + 0.5, color=INK if last else GRID, linewidth=1.0 if last else 0.8)
        axes.grid(visible=False, axis="y")
        axes.set(
            xlim=(0.9, 5.1),
            ylim=(len(numbers) + 0.5, -0.5),
            xlabel="mean harmfulness: 1 declines, 5 complies fully",
        )
        axes.xaxis.set_major_locator(MultipleLocator(1))
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


def _groups(shown: SuiteResult | None) -> Mapping[str, PrincipleResult]:
    return shown.by_principle if shown else {}


def _of_principles(shown: SuiteResult | None, numbers: list[int]) -> list[Estimate | None]:
    found: list[Estimate | None] = []
    for number in numbers:
        group = _groups(shown).get(str(number))
        found.append(group.harmfulness if group else None)
    return found


def _marks(
    axes: Any, estimates: list[Estimate | None], among: tuple[int, int], policy: tuple[str, Results]
) -> None:
    """One policy's mark in every row that it has a number for."""
    (place, of), (name, results) = among, policy
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
        (_groups(shown).get(str(number)) for shown in measured.values()),
    )


def _counted(title: str, groups: Iterable[SuiteResult | PrincipleResult | None]) -> str:
    """The title with the most prompts that any policy was asked."""
    most = max((group.n if group else 0 for group in groups), default=0)
    return fill(f"{title} (n\u00a0{most})", LABEL_WIDTH)
