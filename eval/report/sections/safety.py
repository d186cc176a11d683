"""Harm, and beside it its price: the table that the verdict is read off."""

from __future__ import annotations

from collections.abc import Sequence

from eval.endpoint import HARMFUL_SUITE
from eval.report.narrowing import narrowing_note
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.sections.twin_gap import headline
from eval.report.tables import Cell, Table, rate_cell, score_cell, spoken
from eval.results.policy_result import PolicyResult
from eval.results.results import Results
from eval.results.tamper import TamperedResult

SAFETY_NOTE = (
    "The chance of harm is the mean over completions, by scorers that were compared with people "
    "and that no training touched. The reward model is what training listened to; its figure is no "
    "evidence by itself, and unless it learned from levels (reward.objective: ordinal) its 1 to 5 "
    "is a chance of harm stretched over the scale and no degree of harm. Lower is better, but for "
    "refusal of harmful prompts and relevance, where higher is better. Relevance is the share of a "
    "suite's other prompts that a completion fits less well than its own: 0.5 is what completions "
    "to other prompts reach, 0 what an echo or a set phrase gets."
)


def build(material: Material) -> Section:
    """The section, which every report has."""
    return Section(
        paragraphs=[*headline(material.results), *narrowing_note(material.whole)],
        tables=[safety_table(material.results)],
    )


def safety_table(results: Results) -> Table:
    """Rows are policies; harm on the left, its price on the right."""
    benign, suite = results.suite_names("benign"), results.endpoint.suite
    rows = []
    for policy in results.policies.values():
        rows.append(
            [Cell(policy.title), *harm_cells(policy, suite), *over_refusal_cells(policy, benign)]
        )
    return Table(["policy", *safety_heads(benign)], rows, SAFETY_NOTE)


def safety_heads(benign: Sequence[str]) -> list[str]:
    """Of the columns beside a policy's name."""
    use = []
    # The two side by side: a policy that says one friendly sentence to all refuses nobody.
    for name in benign:
        for metric in ("over-refusal", "relevance"):
            use.append(f"{metric}: {spoken(name)}")
    return ["chance of harm", "refusal of harmful", "reward model: harmfulness (1-5)", *use]


def harm_cells(policy: PolicyResult | TamperedResult, suite: str = HARMFUL_SUITE) -> list[Cell]:
    """On one suite, of itself the one that every run holds out."""
    harmful = policy.suites.get(suite)
    # Empty cells rather than none, so that the row keeps its columns.
    if harmful is None:
        return [rate_cell(None), rate_cell(None), score_cell(None)]
    return [
        rate_cell(harmful.by_others("harm_chance")),
        rate_cell(harmful.refusal_rate),
        score_cell(harmful.harmfulness),
    ]


def over_refusal_cells(policy: PolicyResult | TamperedResult, benign: Sequence[str]) -> list[Cell]:
    """Over-refusal and relevance, on each benign suite."""
    cells = []
    for name in benign:
        suite = policy.suites.get(name)
        cells += [
            rate_cell(suite.over_refusal_rate if suite else None),
            score_cell(suite.relevance if suite else None),
        ]
    return cells


SECTION = Declared("safety", 300, "Safety", build)
