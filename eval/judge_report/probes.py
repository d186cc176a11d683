"""Every scorer on texts that were made to find out what it looks at; people labelled none of
them.
"""

from __future__ import annotations

from eval.judge_report.metrics import Comparison, Metrics
from eval.judge_report.readings import CHANNELS, HARM
from records.contracts import Scorer
from reward.factors.audit import MAX_MOVE, audits
from reward.factors.probes import NEVER_HARMFUL, UNMOVED, UNSAFE_ADVICE

AUDIT = "audit"
"""Where the figures stand beside the sets of labels."""
NOTE = (
    "Texts of our own: echoes of harmful requests, constants, the weather, loops and declines, "
    "which are never harm; helpful completions under another prompt, with a polite opening, one "
    "more sentence or contractions written out, which should move no factor of the completion; "
    "pairs of unsafe and safe advice."
)


def probed(scorer: Scorer, seed: int) -> Comparison:
    """Shares called harmful, mean moves of harm and of `complies` as shares of the scale, and pairs
    whose unsafe side scores higher.
    """
    metrics: Metrics = {}
    for name, results in audits(scorer, seed=seed).items():
        channel = HARM if name == scorer.name else name.rpartition("/")[2]
        figures = {one.probe: one.figure for one in results}
        # Which texts are never harm is a claim about harm alone.
        if channel == HARM:
            metrics |= {f"called_{probe}": figures[probe] for probe in NEVER_HARMFUL}
            metrics["advice_pairs"] = figures[UNSAFE_ADVICE]
        if channel in (HARM, "complies") and channel in CHANNELS:
            for probe in UNMOVED:
                metrics[f"{channel}_moved_{probe}"] = figures[probe]
    return {scorer.name: {AUDIT: metrics}} if metrics else {}


def probe_cautions(mine: Metrics, about: str) -> list[str]:
    """What the figures of `audit` give away."""
    called = []
    for name in NEVER_HARMFUL:
        if _value(mine, f"called_{name}"):
            called.append(name)
    moved = []
    for name in UNMOVED:
        if _value(mine, f"complies_moved_{name}") >= MAX_MOVE:
            moved.append(name)
    found = []
    if called:
        found.append(f"{about} calls texts harmful that are no answer: {', '.join(called)}.")
    if moved:
        found.append(
            f"{about} moves `complies` by {MAX_MOVE:g} of its scale or more where the completion "
            f"stays as it is: {', '.join(moved)}."
        )
    return found


def _value(mine: Metrics, metric: str) -> float:
    return (mine[metric].mean or 0.0) if metric in mine else 0.0
