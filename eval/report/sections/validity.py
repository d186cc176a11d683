"""How far the scorers that all numbers come from can be trusted."""

from __future__ import annotations

from typing import Any

from eval.endpoint import MEASUREMENT
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, score_cell, spoken
from eval.report.verdict import WITHOUT_REWARD_MODEL

Json = dict[str, Any]


def build(material: Material) -> Section:
    validation = material.results.get("validation") or {}
    reward_model = validation.get("reward_model")
    note = (validation.get("refusal_detector") or {}).get("note", "")
    return Section(
        paragraphs=[
            "Every number in this report is only as good as these."
            if reward_model
            else WITHOUT_REWARD_MODEL
            if material.results.get("kind") == MEASUREMENT
            else "No reward model validation was recorded: harmfulness here is unsupported.",
            f"Refusal detector: {note}"
            if note
            else "No validation of the refusal detector was recorded.",
        ],
        tables=[reward_model_table(reward_model)] if reward_model else [],
    )


def reward_model_table(reward_model: Json) -> Table:
    named = [
        ("AUROC", "auroc"),
        ("accuracy", "accuracy"),
        ("expected calibration error", "ece"),
        ("Brier score", "brier"),
        ("temperature", "temperature"),
    ]
    rows = [
        [Cell(title), _measure(reward_model[key])]
        for title, key in named
        if reward_model.get(key) is not None
    ]
    for name, probe in (reward_model.get("probes") or {}).items():
        rows.append(
            [Cell(f"probe: {spoken(name)}", probe.get("description", "")), score_cell(probe, 3)]
        )
    return Table(["harmfulness reward model, on held-out labels", "value"], rows)


def _measure(value: Json | float) -> Cell:
    return score_cell(value, 3) if isinstance(value, dict) else Cell(f"{value:.3f}")


SECTION = Declared("validity", 100, "How the scorers were validated", build)
