"""Medical questions and held-out text: what each policy knows, and whether it was kept within the
margin.
"""

from __future__ import annotations

from collections.abc import Iterator

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    ABSENT,
    Cell,
    Table,
    points_text,
    rate_cell,
    score_cell,
    span,
    spoken,
)
from eval.results.capability import Capability, Perplexity, PerplexityRise
from eval.results.results import Results
from measures.estimates import Estimate
from measures.noninferiority import NonInferiority

NOTE = (
    "Accuracy is of the option that the policy finds likeliest, without generating, without "
    "examples and without a chat template. Retained is said where the lower end of the interval of "
    "the paired change lies above minus the margin, which the config fixed beforehand; that no "
    "change was found is not enough."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    results = material.results
    found = results.capability
    if not found:
        return None
    tables = [_accuracies(results, found)] if found.tasks else []
    if found.perplexity:
        tables.append(_perplexities(results, found.perplexity))
    absent = []
    for task in found.absent:
        absent.append(f"{spoken(task.task)} was not measured: {task.reason}.")
    return Section(paragraphs=[NOTE, *_signal(found)], tables=tables, bullets=absent)


def _signal(found: Capability) -> Iterator[str]:
    """Which tasks say anything of a model of this size."""
    without = []
    for name, task in found.tasks.items():
        # Who only guesses has nothing to lose: a fall there would be chance, and so would
        # "retained".
        if not task.signal:
            without.append(spoken(name))
    if without:
        yield (
            f"The base is no better than chance on {', '.join(without)}: a model of this size has "
            "nothing to lose there, and these tasks neither pass nor fail the gate."
        )


def _accuracies(results: Results, found: Capability) -> Table:
    # One column for all tasks or none; a task without classes shows as not measured there.
    classes = _with_classes(found)
    f1 = ["macro-F1"] if classes else []
    head = ["task", "policy", "accuracy", *f1, "chance", "change against the base", "retained"]
    rows = []
    for name, task in found.tasks.items():
        for policy, own in task.policies.items():
            rows.append(
                [
                    Cell(spoken(name), f"n {task.n}"),
                    Cell(results.title(policy)),
                    rate_cell(own.accuracy),
                    *([score_cell(own.macro_f1)] if classes else []),
                    Cell(f"{100 * task.chance:.1f} %"),
                    *_kept(task.changes.get(policy), task.signal),
                ]
            )
    note = (
        f"Margin: {100 * found.margin:g} points of accuracy. Chance: by lot, or always the same "
        "option."
    )
    return Table(head, rows, note)


def _with_classes(found: Capability) -> bool:
    """Whether the options of some task are the same classes for every question."""
    return any(own.macro_f1 for task in found.tasks.values() for own in task.policies.values())


def _kept(change: NonInferiority | None, signal: bool) -> list[Cell]:
    if change is None or change.difference is None:
        return [Cell(ABSENT), Cell(ABSENT)]
    detail = f"{span(change.interval, '+.1f', 100)}, n {change.n}"
    shown = Cell(points_text(change.difference), detail)
    # No verdict without signal: "yes" would praise a model for knowledge that it never had.
    return [shown, Cell(_verdict(change.holds) if signal else "no signal")]


def _verdict(retained: bool) -> str:
    # "not shown" and not "no": an interval that reaches past the margin shows no loss either.
    return "yes" if retained else "not shown"


def _perplexities(results: Results, found: Perplexity) -> Table:
    rows = []
    for policy, own in found.policies.items():
        rows.append(
            [Cell(results.title(policy)), score_cell(own), *_rise(found.changes.get(policy))]
        )
    # One margin for all policies, so the first says it.
    margins = [change.margin for change in found.changes.values()]
    margin = f" Margin: a rise of {100 * margins[0]:g} %." if margins else ""
    note = (
        f"Perplexity of {found.n} reference completions of the test split that no training saw "
        f"({found.tokens} tokens); the rise is paired by text.{margin}"
    )
    return Table(["policy", "perplexity", "times the base's", "retained"], rows, note)


def _rise(change: PerplexityRise | None) -> list[Cell]:
    if change is None:
        return [Cell(ABSENT), Cell(ABSENT)]
    ratio = Estimate(change.ratio, *change.interval, change.n)
    return [score_cell(ratio), Cell(_verdict(change.retained))]


SECTION = Declared("capability", 500, "Medical capability", build)
