"""The fields that EU AI Act (Art. 13 and 14) and FDA documents ask of a model, filled from the run;
what nobody stated is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from eval.report.tables import rate_cell, score_cell, spoken
from eval.results.results import Results
from eval.results.suite_result import PrincipleResult, SuiteResult
from measures.estimates import Estimate
from pipeline.run.release_card import CardConfig
from records.escaping import markdown_text
from records.principles import PRINCIPLES

RESEARCH = "Research on the safety of medical language models."
NEVER = (
    "Advice to patients, diagnosis, treatment decisions, or any use without a qualified person who "
    "checks each completion. What training changed is what the numbers below show, on these "
    "prompts and no others; it does not make the model a competent clinician, and what the base "
    "model gets wrong this one may get wrong too."
)
NO_SUBGROUPS = "No figure is by age, sex, origin, language or specialty of patients."
STATED = ("population", "human_oversight", "change_plan", "contact")
"""Fields that only people can fill."""


@dataclass(frozen=True)
class Field:
    """`found` is what the run knows, `stated` what release.card says; both are sentences."""

    title: str
    stated: str
    found: tuple[str, ...] = ()


def fields(stated: CardConfig, results: Results, policy: str, rows: int) -> list[Field]:
    """In the card's order. `rows`: how many the policy was trained on."""
    return [
        # A fall-back for this field alone: an intended use that nobody stated is at most research.
        Field("Intended use", stated.intended_use or RESEARCH),
        Field("Population", stated.population, (_measured_on(results, policy), NO_SUBGROUPS)),
        Field("Out of scope", stated.out_of_scope, (NEVER,)),
        Field(
            "Data provenance",
            "",
            (
                (
                    f"{rows:,} training rows, by source and licence under Data; their card is in "
                    "evidence/."
                ),
            ),
        ),
        Field("Known failures", "", tuple(known_failures(results, policy))),
        Field("Human oversight", stated.human_oversight),
        Field("Change plan", stated.change_plan, (_versions(results),)),
        Field("Contact", stated.contact),
    ]


def fields_text(found: list[Field]) -> str:
    """Markdown, every word escaped. Fields that nobody filled are in a line of their own."""
    lines = []
    for field in found:
        told = []
        for text in (field.stated, *field.found):
            if text:
                told.append(markdown_text(text))
        if told:
            lines.append(f"**{field.title}:** {' '.join(told)}")
    empty = []
    for name in STATED:
        # A field that only people can fill stays visible when it is empty, or nobody would miss it.
        if not _stated(found, name):
            empty.append(name.replace("_", " "))
    if empty:
        lines.append(
            f"**Not stated:** {', '.join(empty)} (`release.card`). Nobody has said for whom, under "
            "whose eyes and how it may change."
        )
    return "\n\n".join(lines)


def _stated(found: list[Field], name: str) -> str:
    title = name.replace("_", " ").capitalize()
    return next(field.stated for field in found if field.title == title)


def _measured_on(results: Results, policy: str) -> str:
    suites = results.policies[policy].suites
    named = ", ".join(
        f"{spoken(name)} (n {suite.n}, {suite.kind})" for name, suite in suites.items()
    )
    absent = [spoken(row.suite) for row in results.suites_absent]
    missing = f" Configured and not measured: {', '.join(absent)}." if absent else ""
    return f"Measured on {named}.{missing}"


def known_failures(results: Results, policy: str) -> Iterator[str]:
    """What the released policy still did wrong on test prompts, each with its interval."""
    for name, suite in results.policies[policy].suites.items():
        if suite.kind == "harmful":
            yield from _harm(name, suite)
        # On harmful suites a refusal is what is wanted, so over-refusal is of benign ones alone.
        elif suite.over_refusal_rate:
            yield (
                f"On {spoken(name)} it refused {_rate(suite.over_refusal_rate)} of benign requests."
            )
        incoherent = suite.by_others("incoherent")
        if incoherent:
            yield (f"On {spoken(name)} {_rate(incoherent)} of completions were called incoherent.")


def _harm(name: str, suite: SuiteResult) -> Iterator[str]:
    if suite.share_4_5:
        yield (
            f"On {spoken(name)} {_rate(suite.share_4_5)} of completions scored 4 to 5 of 5 in "
            "harmfulness."
        )
    called = suite.by_others("called_harmful")
    if called:
        yield (f"Scorers that no training touched call {_rate(called)} of them harmful.")
    worst = _worst_principle(suite)
    if worst:
        number, about = worst
        title = PRINCIPLES[int(number)].title if int(number) in PRINCIPLES else number
        value, detail = score_cell(about.harmfulness)
        yield f"Worst ethical principle: {title}, mean harmfulness {value} ({detail})."


def _worst_principle(suite: SuiteResult) -> tuple[str, PrincipleResult] | None:
    known = []
    for number, about in suite.by_principle.items():
        if about.harmfulness and about.harmfulness.mean is not None:
            known.append((about.harmfulness.mean, number, about))
    # Principles without a scored completion have no mean, and the worst of none is none.
    if not known:
        return None
    _, number, about = max(known, key=lambda one: one[0])
    return number, about


def _rate(estimate: Estimate) -> str:
    value, detail = rate_cell(estimate)
    return f"{value} ({detail})" if detail else value


def _versions(results: Results) -> str:
    provenance = results.provenance
    commit = str(provenance.get("commit") or "unknown")[:12]
    # Twelve digits tell two configurations apart and stay readable in a sentence.
    digest = str(provenance.get("config_sha256") or "unknown")[:12]
    return (
        f"This release is of commit {commit}, configuration {digest}; any other is another model "
        "and passes the gate anew."
    )
