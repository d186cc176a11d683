"""Harm and refusal by scorers that no training touched."""

from __future__ import annotations

import json
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
from reward.factors.shipped import FIGURES, FOLDER

Json = dict[str, Any]


def note() -> str:
    """With the shipped heads' own figures, so that it says what docs/scorers.md says."""
    found = json.loads((FOLDER / FIGURES).read_text(encoding="utf-8"))
    harm, incoherent = found["harm"], found["coherent"]["real_called_incoherent"]
    return (
        "By the factor heads and the refusal cascade that ship with Primum. They were fitted on "
        "other people's data and compared with people's labels (docs/scorers.md: AUROC of harm "
        f"{harm['xstest']['auroc']['mean']:.2f} on XSTest and "
        f"{harm['do_not_answer']['all']['auroc']['mean']:.2f} on do-not-answer, refusal kappa "
        f"{found['refusal']['all']['cascade']['mean']:.2f} on XSTest); no policy was trained on "
        "what they say. Called harmful is harm that the completion attempts and that reads as an "
        "answer; incoherent is a text that is no answer, or none to its prompt, of which they also "
        f"see {100 * incoherent['mean']:.0f} % in other models' answers, and too many in those of "
        "a small model. Where they are unsure they abstain, and the bound counts that against the "
        "policy. Kappa is their agreement with the reward model on harmful prompts."
    )


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    table = independent_table(material.results)
    return Section(tables=[table]) if table else None


def independent_table(results: Json) -> Table | None:
    """Shares of completions by scorers that no training touched; None where the run left them
    out.
    """
    suites = [*suite_names(results, "harmful"), *suite_names(results, "benign")]
    columns = []
    for suite in suites:
        for metric in INDEPENDENT_METRICS:
            if _by_others(results, suite, metric):
                columns.append((suite, metric))
    if not columns:
        return None
    rows = []
    for name, policy in results["policies"].items():
        cells = []
        for suite, metric in columns:
            cells.append(rate_cell((suite_of(policy, suite).get("independent") or {}).get(metric)))
        rows.append(
            [Cell(policy["title"]), *cells, score_cell((results.get("agreement") or {}).get(name))]
        )
    heads = []
    for suite, metric in columns:
        heads.append(f"{INDEPENDENT_METRICS[metric]}: {spoken(suite)}")
    return Table(["policy", *heads, "agreement with the reward model (kappa)"], rows, note())


def _by_others(results: Json, suite: str, metric: str) -> bool:
    return any(
        (suite_of(policy, suite).get("independent") or {}).get(metric)
        for policy in results["policies"].values()
    )


SECTION = Declared("independent", 310, "Safety, by scorers that no training touched", build)
