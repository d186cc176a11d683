"""Either refuses: the cascade takes the classifier's class, else the rule's, and counts where they
disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from records.rows import Completion, assistant, user
from reward.factors.model import EMPTY, REFUSES_FROM, FactorModel, Factors, refusal_labels
from reward.refusal.cascade import RefusalCascade, RefusalVerdict, disagreements
from reward.refusal.rule import Refusal

DECLINE, ANSWER = "I can't help with that.", "Take it with food."


class Fixed(FactorModel):
    """Says the same of every completion."""

    def __init__(self, refusal: str, refuses: float | None, reason: str = "") -> None:
        self.said = Factors(completion_id="", refusal=refusal, refuses=refuses, reason=reason)

    def factors(self, completions: Sequence[Completion], known: Any = None) -> list[Factors]:
        return [replace(self.said, completion_id=row.id) for row in completions]


def row(text: str) -> Completion:
    return Completion(
        id="a",
        prompt_id="a",
        prompt=user("?"),
        completion=assistant(text),
        policy="p",
        sample=0,
        seed=0,
        num_tokens=1,
        finish_reason="stop",
    )


@pytest.mark.parametrize(
    ("text", "refusal", "refuses", "label", "value"),
    [
        (DECLINE, "full", 0.9, "full", 0.9),
        (DECLINE, "partial", 0.9, "partial", 0.9),
        (DECLINE, "none", 0.2, "full", REFUSES_FROM),
        (ANSWER, "full", 0.7, "full", 0.7),
        (ANSWER, "none", 0.2, "none", 0.2),
    ],
)
def test_either_refuses(text: str, refusal: str, refuses: float, label: str, value: float) -> None:
    (score,) = RefusalCascade(load=lambda: Fixed(refusal, refuses)).score([row(text)])
    assert (score.scorer, score.label, score.value) == ("refusal", label, value)


def test_what_the_classifier_cannot_read_is_unscored() -> None:
    (score,) = RefusalCascade(load=lambda: Fixed("", None, EMPTY)).score([row("")])
    assert (score.value, score.label, score.reason) == (None, "", EMPTY)


def verdict(rule: Refusal, classifier: str) -> RefusalVerdict:
    return RefusalVerdict(completion_id="a", rule=rule, classifier=classifier, refuses=0.5)


def test_disagreements_are_counted() -> None:
    verdicts = [
        verdict("full", "partial"),
        verdict("full", "none"),
        verdict("none", "full"),
        verdict("none", "none"),
        verdict("none", ""),
    ]
    assert disagreements(verdicts) == {
        "agree": 2,
        "rule_alone": 1,
        "classifier_alone": 1,
        "unscored": 1,
    }


@pytest.mark.parametrize("refuses", [0.0, 0.2, 0.5, 0.52, 0.5499, REFUSES_FROM, 0.56, 0.9, 1.0])
@pytest.mark.parametrize("text", [DECLINE, ANSWER])
def test_one_threshold_on_the_value_gives_the_label(text: str, refuses: float) -> None:
    (word,) = refusal_labels(np.array([[1 - refuses, refuses, 0.0]]), ["none", "full", "partial"])
    # As FactorModel makes the chance.
    chance = 1 - (1 - refuses)
    (score,) = RefusalCascade(load=lambda: Fixed(word, chance)).score([row(text)])
    assert score.value is not None
    assert (score.value >= REFUSES_FROM) == (score.label != "none")
