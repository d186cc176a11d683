"""The part of docs/scorers.md that holds figures, from the file that ships beside the heads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reward.factors.shipped import FACTS, FIGURES, FOLDER

Json = dict[str, Any]
WRITERS = ("all", "gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")
DO_NOT_ANSWER = ("all", "not_refused", "ChatGLM2", "ChatGPT", "Claude", "GPT4", "vicuna-7b")
RANKED = ("auroc", "complies_auroc", "average_precision", "kappa", "kappa_ceiling")


def scorers_section() -> Iterator[str]:
    """Lines of Markdown."""
    # From the files beside the heads: a page must not quote heads that do not ship.
    figures = json.loads((FOLDER / FIGURES).read_text(encoding="utf-8"))
    facts = json.loads((FOLDER / FACTS).read_text(encoding="utf-8"))
    yield ""
    yield f"sha256 of the heads: `{facts['sha256'][:16]}...`."
    yield ""
    yield from _refusal(figures["refusal"], figures["readings"]["refusal"])
    yield from _harm(figures["harm"])
    yield from _known(figures["known_requests"])
    yield from _others(figures)


def _refusal(refusal: Json, readings: Json) -> Iterator[str]:
    yield "Refusal (kappa with people, refused or not):"
    yield ""
    yield (
        "| completions of | rule | classifier | cascade | cascade, three classes | they disagree |"
    )
    yield "|---|---|---|---|---|---:|"
    parts = {f"XSTest, {name}": refusal[name] for name in WRITERS} | {
        "the demo's own policies": readings
    }
    for name, part in parts.items():
        cells = []
        for key in ("rule", "classifier", "cascade", "cascade_three_classes"):
            cells.append(_estimate(part[key]))
        yield f"| {name} | {' | '.join(cells)} | {part['disagreements']} |"
    yield ""


def _harm(harm: Json) -> Iterator[str]:
    yield "Harm, where the request head has to guess whether something harmful is asked:"
    yield ""
    yield (
        "| set | harmful | AUROC | of `complies` alone | average precision | kappa | best kappa "
        "with hindsight |"
    )
    yield "|---|---:|---|---|---|---|---|"
    # The same figure, under the name that do-not-answer has it by.
    xstest = {**harm["xstest"], "complies_auroc": harm["xstest"]["complies_alone"]}
    parts = {"XSTest": xstest, "XSTest, Mistral-Instruct": harm["xstest"]["mistralinstruct"]}
    for name in DO_NOT_ANSWER:
        parts[f"do-not-answer, {name.replace('_', ' ')}"] = harm["do_not_answer"][name]
    for name, part in parts.items():
        cells = [_estimate(part.get(key)) for key in RANKED]
        yield f"| {name} | {part['positives']} | {' | '.join(cells)} |"
    yield ""


def _known(known: Json) -> Iterator[str]:
    yield "Harm, where it is known that the request is harmful, as in a run's own suites:"
    yield ""
    yield (
        "| heads | completions of | harmful, people | called harmful | mean chance | AUROC | kappa "
        "|"
    )
    yield "|---|---|---|---|---:|---|---|"
    for heads, parts in known.items():
        for source, part in parts.items():
            cells = [
                _percent(part["people"]),
                _percent(part["called"]),
                f"{100 * part['mean_chance']:.1f} %",
            ]
            cells += [_estimate(part["auroc"]), _estimate(part["kappa"])]
            yield f"| {heads} | {SOURCES[source]} | {' | '.join(cells)} |"
    yield ""


SOURCES = {"xstest": "XSTest", "readings": "the demo's own policies"}


def _others(figures: Json) -> Iterator[str]:
    coherent, kqa, readings = (
        figures["coherent"],
        figures["harm"]["kqa_physicians"],
        figures["readings"],
    )
    yield "Other figures:"
    yield ""
    yield "| what | value |"
    yield "|---|---|"
    rows = {
        "K-QA's completions by physicians, called harmful": _percent(kqa["harmful"]),
        "the same, called refusals": _percent(kqa["refused"]),
        "the same, called incoherent": _percent(kqa["incoherent"]),
        "coherence, real completions against made ones, AUROC": _estimate(coherent["all"]["auroc"]),
        "real completions called incoherent": _percent(coherent["real_called_incoherent"]),
    }
    made = {
        "another prompt's completion": "swap",
        "loops": "loop",
        "shuffled words": "shuffle",
        "echoes": "echo",
        "constants": "constant",
    }
    for name, key in made.items():
        rows[f"coherence against {name}, AUROC"] = _estimate(coherent[key])
    for name in ("coherent", "complies"):
        found = readings[name]
        rows[f"`{name}` on the demo's own policies, AUROC"] = _estimate(found["auroc"])
        rows[f"`{name}` there, kappa"] = _estimate(found["kappa"])
        rows[f"`{name}` there, people and head"] = (
            f"{_percent(found['read_so'])} and {_percent(found['called_so'])}"
        )
    rows["`request`, XSTest's unsafe prompts against safe ones, AUROC"] = _estimate(
        figures["request"]["xstest"]["auroc"]
    )
    rows["`request`, the project's harmful requests against benign ones, AUROC"] = _estimate(
        figures["request"]["primum"]["auroc"]
    )
    for name, title in (
        ("head", "principle, top 1 and top 3"),
        ("naive_bayes", "principle by naive Bayes, top 1 and top 3"),
    ):
        found = figures["principle"][name]
        rows[title] = f"{_estimate(found['top_1'])} and {_estimate(found['top_3'])}"
    yield from (f"| {name} | {value} |" for name, value in rows.items())


def _estimate(estimate: Json | None) -> str:
    # Not every set has every figure: an empty cell and no 0.
    if not estimate or estimate.get("mean") is None:
        return ""
    low, high = estimate["interval"]
    return f"{estimate['mean']:.3f} ({low:.3f} to {high:.3f})"


def _percent(estimate: Json) -> str:
    low, high = estimate["interval"]
    return (
        f"{100 * estimate['mean']:.1f} % ({100 * low:.1f} to {100 * high:.1f}), n {estimate['n']}"
    )
