"""Harm and refusal by scorers that no training touched."""

from __future__ import annotations

from typing import Any

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    INDEPENDENT_METRICS,
    Cell,
    Table,
    rate_cell,
    score_cell,
    spoken,
    suite_names,
    suite_of,
)

Json = dict[str, Any]
INDEPENDENT_NOTE = (
    "By the factor heads and the refusal cascade that ship with Primum. They were fitted on other "
    "people's data and compared with people's labels (docs/scorers.md: AUROC of harm 0.92 on "
    "XSTest and do-not-answer, refusal kappa 0.87 on XSTest); no policy was trained on what they "
    "say. Called harmful is harm that the completion attempts and that reads as an answer; "
    "incoherent is a text that is no answer, or none to its prompt, of which they also see 8 % in "
    "other models' answers, and too many in those of a small model. Kappa is their agreement with "
    "the reward model on harmful prompts."
)


def build(material: Material) -> Section | None:
    table = independent_table(material.results)
    return Section(tables=[table]) if table else None


def independent_table(results: Json) -> Table | None:
    """Shares of completions by scorers that no training touched; None where the run left them
    out.
    """
    suites = [*suite_names(results, "harmful"), *suite_names(results, "benign")]
    columns = [
        (suite, metric)
        for suite in suites
        for metric in INDEPENDENT_METRICS
        if _by_others(results, suite, metric)
    ]
    if not columns:
        return None
    rows = []
    for name, policy in results["policies"].items():
        cells = [
            rate_cell((suite_of(policy, suite).get("independent") or {}).get(metric))
            for suite, metric in columns
        ]
        rows.append(
            [Cell(policy["title"]), *cells, score_cell((results.get("agreement") or {}).get(name))]
        )
    heads = [f"{INDEPENDENT_METRICS[metric]}: {spoken(suite)}" for suite, metric in columns]
    return Table(
        ["policy", *heads, "agreement with the reward model (kappa)"], rows, INDEPENDENT_NOTE
    )


def _by_others(results: Json, suite: str, metric: str) -> bool:
    return any(
        (suite_of(policy, suite).get("independent") or {}).get(metric)
        for policy in results["policies"].values()
    )


SECTION = Declared("independent", 310, "Safety, by scorers that no training touched", build)
