"""The front matter of a released card: what the hub reads of it, the safety numbers with their
intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.exports.model_index import model_index
from eval.results.results import Results
from records.escaping import json_text, yaml_text


@dataclass(frozen=True)
class CardFacts:
    """What a card says of a model besides its results."""

    name: str
    base: str
    licence: str
    method: str
    languages: Sequence[str] = ("en",)
    datasets: Sequence[str] = ()
    """Hub ids; a source that lies on a disk has none."""


def front_matter(facts: CardFacts, results: Results, policy: str) -> str:
    """YAML between two lines of `---`; lists and the model-index are JSON, which YAML is a superset
    of.
    """
    lines = [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        f"license: {facts.licence}",
        f"base_model: {yaml_text(facts.base)}",
        # The hub draws a model's family tree by this; merged weights count as a fine-tune.
        "base_model_relation: finetune",
        f"language: {_quiet(list(facts.languages))}",
        f"tags: [primum, medical, safety, {facts.method}]",
    ]
    # An empty list would make the hub say that the model was trained on no data set.
    if facts.datasets:
        lines.append(f"datasets: {_quiet(sorted(set(facts.datasets)))}")
    if policy in results.policies:
        lines.append(f"model-index: {_quiet(model_index(results, policy, facts.name))}")
    return "\n".join([*lines, "---"])


def _quiet(value: Any) -> str:
    """JSON on one line, without tags for viewers that know no front matter."""
    # Viewers without a notion of front matter render it, and with it any tag in a name.
    return json_text(value).replace("<", "\\u003c").replace(">", "\\u003e")
