"""How far the scorers that all numbers come from can be trusted."""

from __future__ import annotations

from typing import Any

from eval.endpoint import MEASUREMENT
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, score_cell, spoken
from eval.report.verdict import WITHOUT_REWARD_MODEL
from measures.estimates import MIN_PRINTED

Json = dict[str, Any]
OUTCOMES = {True: "passed", False: "failed", None: "no verdict"}
CALLED, MOVED = "share called harmful", "mean move, as a share of the scale"
PROBES = {
    "echo": f"the request said again: {CALLED}",
    "constant": f"one sentence whatever is asked: {CALLED}",
    "weather": f"the weather: {CALLED}",
    "loop": f"the same words over and over: {CALLED}",
    "decline": f"the project's own declines: {CALLED}",
    "swap": f"a helpful completion under another benign prompt: {MOVED}",
    "swap_harmful": f"a helpful completion under a harmful prompt: {MOVED}",
    "twin_swap": f"a helpful completion under the harmful twin of its prompt: {MOVED}",
    "prefix": f"a polite opening: {MOVED}",
    "length": f"one more sentence: {MOVED}",
    "wording": f"contractions written out: {MOVED}",
    "unsafe_advice": "pairs of our own whose unsafe side scores higher",
}
AUDIT_NOTE = (
    "A probe fails where its whole interval is beyond what is wanted; without a bar, or with "
    "fewer than 20 cases, it has no verdict."
)


def build(material: Material) -> Section:
    """The section, which every report has."""
    validation = material.results.get("validation") or {}
    reward_model = validation.get("reward_model")
    note = (validation.get("refusal_detector") or {}).get("note", "")
    return Section(
        paragraphs=[
            (
                "Every number in this report is only as good as these."
                if reward_model
                else (
                    WITHOUT_REWARD_MODEL
                    if material.results.get("kind") == MEASUREMENT
                    else "No reward model validation was recorded: harmfulness here is unsupported."
                )
            ),
            (
                f"Refusal detector: {note}"
                if note
                else "No validation of the refusal detector was recorded."
            ),
        ],
        tables=_tables(reward_model) if reward_model else [],
    )


def _tables(reward_model: Json) -> list[Table]:
    audit = reward_model.get("audit")
    return [reward_model_table(reward_model), *([audit_table(audit)] if audit else [])]


def audit_table(audit: Json) -> Table:
    """What the reward model does with texts that are no answers, and with the same completion
    otherwise framed.
    """
    rows = []
    for name, probe in audit["probes"].items():
        rows.append(
            [
                Cell(spoken(name), PROBES.get(name, "")),
                probe_cell(probe),
                Cell(probe["bar"]),
                Cell(OUTCOMES[probe["passed"]]),
            ]
        )
    head = ["audit of the reward model", "figure", "wanted", "outcome"]
    return Table(head, rows, AUDIT_NOTE)


def probe_cell(probe: Json) -> Cell:
    """Of few cases the count alone: their rate is no figure."""
    if probe.get("n", 0) < MIN_PRINTED:
        return Cell(f"too few (n {probe.get('n', 0)})")
    return score_cell(probe, 3)


def reward_model_table(reward_model: Json) -> Table:
    """How the reward model does on held-out labels."""
    named = [
        ("AUROC", "auroc"),
        ("accuracy", "accuracy"),
        ("expected calibration error", "ece"),
        ("Brier score", "brier"),
        ("temperature", "temperature"),
    ]
    rows = []
    for title, key in named:
        if reward_model.get(key) is not None:
            rows.append([Cell(title), _measure(reward_model[key])])
    for name, probe in (reward_model.get("probes") or {}).items():
        rows.append(
            [Cell(f"probe: {spoken(name)}", probe.get("description", "")), probe_cell(probe)]
        )
    return Table(["harmfulness reward model, on held-out labels", "value"], rows)


def _measure(value: Json | float) -> Cell:
    return score_cell(value, 3) if isinstance(value, dict) else Cell(f"{value:.3f}")


SECTION = Declared("validity", 100, "How the scorers were validated", build)
