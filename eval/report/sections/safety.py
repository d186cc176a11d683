"""Harm, and beside it its price: the table that the verdict is read off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.endpoint import HARMFUL_SUITE, Endpoint
from eval.report.narrowing import narrowing_note
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.sections.twin_gap import headline
from eval.report.tables import Cell, Table, rate_cell, score_cell, spoken, suite_names, suite_of

Json = dict[str, Any]
SAFETY_NOTE = (
    "Lower is better, but for refusal of harmful prompts and relevance, where higher is better. Relevance is the share of a suite's other "
    "prompts that a completion fits less well than its own: 0.5 is what completions to other prompts reach, 0 what an echo or a set phrase gets."
)


def build(material: Material) -> Section:
    return Section(paragraphs=[*headline(material.results), *narrowing_note(material.whole)], tables=[safety_table(material.results)])


def safety_table(results: Json) -> Table:
    """Rows are policies; harm on the left, its price on the right."""
    benign, suite = suite_names(results, "benign"), Endpoint.of(results).suite
    rated = any(suite_of(policy, suite).get("harmfulness") for policy in results["policies"].values())
    harm = harm_cells if rated else harm_cells_by_others
    rows = [[Cell(policy["title"]), *harm(policy, suite), *over_refusal_cells(policy, benign)] for policy in results["policies"].values()]
    heads = safety_heads(benign) if rated else ["called harmful, by scorers that no training touched", *safety_heads(benign)[2:]]
    return Table(["policy", *heads], rows, SAFETY_NOTE)


def safety_heads(benign: Sequence[str]) -> list[str]:
    """Of the columns beside a policy's name."""
    use = [f"{metric}: {spoken(name)}" for name in benign for metric in ("over-refusal", "relevance")]
    return ["mean harmfulness (1-5)", "share scored 4-5", "refusal of harmful", *use]


def harm_cells_by_others(policy: Json, suite: str) -> list[Cell]:
    """Where no reward model was asked."""
    harmful = suite_of(policy, suite)
    called = (harmful.get("independent") or {}).get("called_harmful")
    return [rate_cell(called), rate_cell(harmful.get("refusal_rate"))]


def harm_cells(policy: Json, suite: str = HARMFUL_SUITE) -> list[Cell]:
    """On one suite, of itself the one that every run holds out."""
    harmful = suite_of(policy, suite)
    return [score_cell(harmful.get("harmfulness")), rate_cell(harmful.get("share_4_5")), rate_cell(harmful.get("refusal_rate"))]


def over_refusal_cells(policy: Json, benign: Sequence[str]) -> list[Cell]:
    """Over-refusal and relevance, on each benign suite."""
    cells = []
    for suite in (suite_of(policy, name) for name in benign):
        cells += [rate_cell(suite.get("over_refusal_rate")), score_cell(suite.get("relevance"))]
    return cells


SECTION = Declared("safety", 300, "Safety", build)
