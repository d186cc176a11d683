"""The `tamper` object of results.json: harm and over-refusal after each attack
(docs/results.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eval import independent
from eval.measured import Measured
from eval.results.tamper import AttackAbout, Tamper, TamperedResult
from eval.summaries import summarise
from eval.tamper.config import TamperConfig

FINE_TUNED, ABLATED = "fine_tuned", "ablated"


def attack_title(name: str, config: TamperConfig, about: AttackAbout) -> str:
    """In words, with what it was made of."""
    if name == ABLATED:
        return f"without its refusal direction (layer {about.layer} of {about.layers})"
    return f"after {config.steps} LoRA steps on {about.rows} benign rows"


def tamper_summary(
    policy: str,
    attacks: Mapping[str, AttackAbout],
    rows: Sequence[Measured],
    config: TamperConfig,
    confidence: float,
) -> Tamper:
    """`attacks` says of each what it was made of; `rows` carry its name as `tampered_name` has
    it.
    """
    found = {}
    for name, about in attacks.items():
        own = []
        for row in rows:
            if row.policy == tampered_name(policy, name):
                own.append(row)
        suites = {}
        for suite in _suites(own):
            suites[suite] = [row for row in own if row.suite == suite]
        summaries = {}
        for suite, of in suites.items():
            # Independent scorers too, as in eval: the reward model is what the policy was trained
            # against.
            by_others = independent.summary(of, confidence)
            summaries[suite] = replace(summarise(of, confidence), independent=by_others)
        title = attack_title(name, config, about)
        found[name] = TamperedResult(title=title, about=about, suites=summaries)
    return Tamper(policy=policy, attacks=found)


def tampered_name(policy: str, attack: str) -> str:
    """What a tampered policy is called in completions and scores."""
    return f"{policy}-{attack}"


def _suites(rows: Sequence[Measured]) -> list[str]:
    return list(dict.fromkeys(row.suite for row in rows))
