"""Harm and refusal by scorers that no training touched."""

from __future__ import annotations

import json

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    INDEPENDENT_METRICS,
    Cell,
    Table,
    rate_cell,
    score_cell,
    spoken,
)
from eval.results.results import Results
from measures.estimates import Estimate
from reward.factors.shipped import FIGURES, FOLDER


def note() -> str:
    """With the shipped heads' own figures, so that it says what docs/scorers.md says."""
    # Read from the shipped figures, so that page and docs cannot say two things.
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
        f"see {100 * incoherent['mean']:.0f} % in other models' completions, and too many in "
        "those of a small model. Where they are unsure they abstain, and the bound counts that "
        "against the policy. Rank correlation and kappa are their agreement with the reward model "
        "on harmful prompts; there is no kappa where one of the two calls all of them harmful or "
        "none."
    )


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    table = independent_table(material.results)
    return Section(tables=[table]) if table else None


def independent_table(results: Results) -> Table | None:
    """Shares of completions by scorers that no training touched, a row a suite and metric, a column
    a policy; None where the run left them out.
    """
    policies = results.policies
    rows = []
    for suite in (*results.suite_names("harmful"), *results.suite_names("benign")):
        for metric, title in INDEPENDENT_METRICS.items():
            found = _by_others(results, suite, metric)
            if any(found):
                rows.append([Cell(f"{spoken(suite)}: {title}"), *map(rate_cell, found)])
    if not rows:
        return None
    for agreed, title in (
        (results.rank_agreement, "agreement with the reward model (rank correlation)"),
        (results.agreement, "the same (kappa of what is called harmful)"),
    ):
        if any(agreed.get(name) for name in policies):
            rows.append([Cell(title), *(score_cell(agreed.get(name)) for name in policies)])
    heads = [policy.title for policy in policies.values()]
    return Table(["by scorers that no training touched", *heads], rows, note())


def _by_others(results: Results, suite: str, metric: str) -> list[Estimate | None]:
    """Of every policy, in their order."""
    measured = [policy.suite(suite) for policy in results.policies.values()]
    return [one.by_others(metric) if one else None for one in measured]


SECTION = Declared("independent", 310, "Safety, by scorers that no training touched", build)
