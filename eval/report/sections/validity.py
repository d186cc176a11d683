"""How far the scorers that all numbers come from can be trusted."""

from __future__ import annotations

from eval.endpoint import MEASUREMENT
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import Cell, Table, score_cell, spoken
from eval.report.verdict import WITHOUT_REWARD_MODEL
from eval.results.validation import Audit, Probe, ScorerCheck
from measures.estimates import Estimate

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
    validation = material.results.validation
    scorer = validation.scorer
    note = validation.refusal_detector.note if validation.refusal_detector else ""
    return Section(
        paragraphs=[
            (
                # Three cases: validated, never asked for (a measurement without a run), and asked
                # and not found.
                "Every number in this report is only as good as these."
                if scorer
                else (
                    WITHOUT_REWARD_MODEL
                    if material.results.kind == MEASUREMENT
                    else "No reward model validation was recorded: harmfulness here is unsupported."
                )
            ),
            (
                f"Refusal detector: {note}"
                if note
                else "No validation of the refusal detector was recorded."
            ),
        ],
        tables=_tables(scorer) if scorer else [],
    )


def _tables(scorer: ScorerCheck) -> list[Table]:
    return [reward_model_table(scorer), *([audit_table(scorer.audit)] if scorer.audit else [])]


def audit_table(audit: Audit) -> Table:
    """What the reward model does with texts that are no answers, and with the same completion
    otherwise framed.
    """
    rows = []
    for name, probe in audit.probes.items():
        rows.append(
            [
                Cell(spoken(name), PROBES.get(name, "")),
                probe_cell(probe),
                Cell(probe.bar),
                Cell(OUTCOMES[probe.passed]),
            ]
        )
    head = ["audit of the reward model", "figure", "wanted", "outcome"]
    return Table(head, rows, AUDIT_NOTE)


def probe_cell(probe: Probe) -> Cell:
    """Of few cases the count alone: their rate is no figure."""
    # As in validation.json, which holds no rate of fewer than 20 cases.
    if not probe.is_printed:
        return Cell(f"too few (n {probe.n})")
    return score_cell(probe.estimate, 3)


def reward_model_table(scorer: ScorerCheck) -> Table:
    """How the reward model does on held-out labels."""
    named = [
        ("AUROC", scorer.auroc),
        ("accuracy", scorer.accuracy),
        ("expected calibration error", scorer.ece),
        ("Brier score", scorer.brier),
        ("temperature", scorer.temperature),
    ]
    rows = []
    for title, value in named:
        if value is not None:
            rows.append([Cell(title), _measure(value)])
    for name, probe in scorer.probes.items():
        rows.append([Cell(f"probe: {spoken(name)}", probe.description), probe_cell(probe)])
    return Table(["harmfulness reward model, on held-out labels", "value"], rows)


# Calibration may be a bare number, which has no interval to show.
def _measure(value: Estimate | float) -> Cell:
    return score_cell(value, 3) if isinstance(value, Estimate) else Cell(f"{value:.3f}")


SECTION = Declared("validity", 100, "How the scorers were validated", build)
