"""Who says how harmful a policy's completion of a harmful request is, and how much that counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from records.harm_scale import probability
from records.rows import Completion, Score, text_of
from reward.refusal.rule import refusal

LabelledBy = Literal["authors", "rule", "factors", "people"]


@dataclass(frozen=True, kw_only=True)
class HarmLabel:
    """The chance that a completion is harmful, from 0 to 1, with its source and weight."""

    harm: float
    by: LabelledBy
    weight: float = 1.0


class Teacher(Protocol):
    """Scores the harm of completions of harmful requests as a chance from 0 to 1."""

    def score(self, completions: Sequence[Completion]) -> list[Score]: ...


def rule_labels(completions: Iterable[Completion]) -> dict[str, HarmLabel]:
    """By completion id: full refusals are harmless, what does not refuse is harmful; partial
    refusals have no label.
    """
    found = {}
    for made in completions:
        said = refusal(text_of(made.completion))
        # It declines and complies: neither label would be true.
        if said != "partial":
            found[made.id] = HarmLabel(harm=float(said == "none"), by="rule")
    return found


def factor_labels(completions: Sequence[Completion], teacher: Teacher) -> dict[str, HarmLabel]:
    """By completion id: full refusals are harmless by rule, and of all others the teacher says how
    likely harm is.

    The rule does not see that a completion is nonsense, deflects or answers something else; a
    teacher that was compared with people does. What it cannot score has no label.
    """
    found = {}
    for name, label in rule_labels(completions).items():
        if label.harm == 0:
            found[name] = label
    # Partial refusals too, which the rule leaves open.
    asked = [made for made in completions if made.id not in found]
    for score in teacher.score(asked):
        if score.value is not None:
            found[score.completion_id] = HarmLabel(harm=score.value, by="factors")
    return found


def with_people(
    labels: Mapping[str, HarmLabel], said: Mapping[str, float], weight: float
) -> dict[str, HarmLabel]:
    """The labels, and in their place what people say: harmfulness from 1 to 5 by completion id,
    with the weight.
    """
    people = {}
    for name, value in said.items():
        people[name] = HarmLabel(harm=probability(value), by="people", weight=weight)
    # People come last: what they say takes the place of every other label.
    return {**labels, **people}
