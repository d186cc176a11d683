"""Medical questions and held-out text: what each policy knows, and whether it was kept within the
margin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    ABSENT,
    Cell,
    Table,
    counted,
    number_text,
    rate_cell,
    score_cell,
    span,
    spoken,
    title_of,
)

Json = dict[str, Any]
NOTE = (
    "Accuracy is of the option that the policy finds likeliest, without generating, without "
    "examples and without a chat template. Retained is said where the lower end of the interval of "
    "the paired change lies above minus the margin, which the config fixed beforehand; that no "
    "change was found is not enough."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    results = material.results
    found = results.get("capability")
    if not found:
        return None
    tables = [_accuracies(results, found)] if found["tasks"] else []
    if found["perplexity"]:
        tables.append(_perplexities(results, found["perplexity"]))
    absent = []
    for task in found["absent"]:
        absent.append(f"{spoken(task['task'])} was not measured: {task['reason']}.")
    return Section(paragraphs=[NOTE, *_signal(found)], tables=tables, bullets=absent)


def _signal(found: Json) -> Iterator[str]:
    """Which tasks say anything of a model of this size."""
    without = []
    for name, task in found["tasks"].items():
        if not task["signal"]:
            without.append(spoken(name))
    if without:
        yield (
            f"The base is no better than chance on {', '.join(without)}: a model of this size has "
            "nothing to lose there, and these tasks neither pass nor fail the gate."
        )


def _accuracies(results: Json, found: Json) -> Table:
    head = ["task", "policy", "accuracy", "chance", "change against the base", "retained"]
    rows = []
    for name, task in found["tasks"].items():
        for policy, own in task["policies"].items():
            rows.append(
                [
                    Cell(spoken(name), f"n {task['n']}"),
                    Cell(title_of(results, policy)),
                    rate_cell(own["accuracy"]),
                    Cell(f"{100 * task['chance']:.1f} %"),
                    *_kept(task["changes"].get(policy), task["signal"]),
                ]
            )
    note = (
        f"Margin: {100 * found['margin']:g} points of accuracy. Chance: by lot, or always the same "
        "option."
    )
    return Table(head, rows, note)


def _kept(change: Json | None, signal: bool) -> list[Cell]:
    if change is None:
        return [Cell(ABSENT), Cell(ABSENT)]
    points = f"{number_text(100 * change['difference'], '+.1f')} points"
    shown = Cell(points, counted(span(change, "+.1f", 100), change))
    return [shown, Cell(_verdict(change) if signal else "no signal")]


def _verdict(change: Json) -> str:
    return "yes" if change["retained"] else "not shown"


def _perplexities(results: Json, found: Json) -> Table:
    rows = []
    for policy, own in found["policies"].items():
        rows.append(
            [Cell(title_of(results, policy)), score_cell(own), *_rise(found["changes"].get(policy))]
        )
    margins = [change["margin"] for change in found["changes"].values()]
    margin = f" Margin: a rise of {100 * margins[0]:g} %." if margins else ""
    note = (
        f"Perplexity of {found['n']} reference completions of the test split that no training saw "
        f"({found['tokens']} tokens); the rise is paired by text.{margin}"
    )
    return Table(["policy", "perplexity", "times the base's", "retained"], rows, note)


def _rise(change: Json | None) -> list[Cell]:
    if change is None:
        return [Cell(ABSENT), Cell(ABSENT)]
    ratio = {
        "mean": change["ratio"],
        "interval": change["interval"],
        "n": change["n"],
        "unscored": 0,
    }
    return [score_cell(ratio), Cell(_verdict(change))]


SECTION = Declared("capability", 500, "Medical capability", build)
