"""Completions, side by side."""

from __future__ import annotations

from eval.report.examples import PROMPTS_SHOWN, REDACTED_FROM, examples
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    rule = material.rule
    titles = {}
    for name, policy in material.results.policies.items():
        titles[name] = policy.title
    chosen = examples(material.samples, titles, rule, opens_withheld=material.opens_withheld)
    numbers = " and ".join(f"{number} {kind}" for kind, number in PROMPTS_SHOWN.items())
    # The page for others says itself what it leaves out, even where nothing is left.
    if rule is not None:
        note = (
            f"Up to {numbers} prompts at even distances through those that may be quoted. "
            "Completions to harmful prompts are withheld."
        )
        return Section(paragraphs=[note, rule.note], examples=chosen)
    note = (
        f"Up to {numbers} prompts at even distances through the file, the same for every policy, "
        "not chosen for their completions. Completions to harmful prompts are withheld from "
        f"harmfulness {REDACTED_FROM} and where no scorer could score them"
        + (": a click opens them" if material.opens_withheld else "")
        + ". All prompts and completions stand side by side in samples.html, in the folder of this "
        "page."
    )
    return Section(paragraphs=[note], examples=chosen) if chosen else None


SECTION = Declared("examples", 800, "Examples", build)
