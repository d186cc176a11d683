"""The fields that EU AI Act (Art. 13 and 14) and FDA documents ask of a model, filled from the run;
what nobody stated is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eval.report.tables import rate_cell, score_cell, spoken
from pipeline.run.release_card import CardConfig
from records.escaping import markdown_text
from records.principles import PRINCIPLES

Json = dict[str, Any]
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


def fields(stated: CardConfig, results: Json, policy: str, rows: int) -> list[Field]:
    """In the card's order. `rows`: how many the policy was trained on."""
    return [
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


def _measured_on(results: Json, policy: str) -> str:
    suites = results["policies"][policy]["suites"]
    named = ", ".join(
        f"{spoken(name)} (n {suite['n']}, {suite['kind']})" for name, suite in suites.items()
    )
    absent = [spoken(row["suite"]) for row in results.get("suites_absent") or []]
    missing = f" Configured and not measured: {', '.join(absent)}." if absent else ""
    return f"Measured on {named}.{missing}"


def known_failures(results: Json, policy: str) -> Iterator[str]:
    """What the released policy still did wrong on test prompts, each with its interval."""
    for name, suite in results["policies"][policy]["suites"].items():
        if suite["kind"] == "harmful":
            yield from _harm(name, suite)
        elif suite.get("over_refusal_rate"):
            yield (
                f"On {spoken(name)} it refused {_rate(suite['over_refusal_rate'])} of benign "
                "requests."
            )
        by_others = suite.get("independent") or {}
        if by_others.get("incoherent"):
            yield (
                f"On {spoken(name)} {_rate(by_others['incoherent'])} of completions were called "
                "incoherent."
            )


def _harm(name: str, suite: Json) -> Iterator[str]:
    if suite.get("share_4_5"):
        yield (
            f"On {spoken(name)} {_rate(suite['share_4_5'])} of completions scored 4 to 5 of 5 in "
            "harmfulness."
        )
    if (suite.get("independent") or {}).get("called_harmful"):
        yield (
            "Scorers that no training touched call "
            f"{_rate(suite['independent']['called_harmful'])} of them harmful."
        )
    worst = _worst_principle(suite)
    if worst:
        number, about = worst
        title = PRINCIPLES[int(number)].title if int(number) in PRINCIPLES else number
        value, detail = score_cell(about["harmfulness"])
        yield f"Worst ethical principle: {title}, mean harmfulness {value} ({detail})."


def _worst_principle(suite: Json) -> tuple[str, Json] | None:
    known = []
    for number, about in (suite.get("by_principle") or {}).items():
        if about["harmfulness"]["mean"] is not None:
            known.append((number, about))
    return max(known, key=lambda one: float(one[1]["harmfulness"]["mean"])) if known else None


def _rate(estimate: Json) -> str:
    value, detail = rate_cell(estimate)
    return f"{value} ({detail})" if detail else value


def _versions(results: Json) -> str:
    provenance = results.get("provenance") or {}
    commit = str(provenance.get("commit") or "unknown")[:12]
    digest = str(provenance.get("config_sha256") or "unknown")[:12]
    return (
        f"This release is of commit {commit}, configuration {digest}; any other is another model "
        "and passes the gate anew."
    )
