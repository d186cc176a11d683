"""Either refuses: the cascade takes the classifier's class, else the rule's, and counts where they
disagree.
"""

from __future__ import annotations

import pytest

from records.rows import Completion, assistant, user
from reward.factors.model import EMPTY, Factors
from reward.refusal.cascade import RefusalCascade, RefusalVerdict, disagreements

DECLINE, ANSWER = "I can't help with that.", "Take it with food."


class Fixed:
    """Says the same of every completion."""

    def __init__(self, refusal: str, refuses: float | None, reason: str = "") -> None:
        self.said = {"refusal": refusal, "refuses": refuses, "reason": reason}

    def factors(self, completions):
        return [Factors(completion_id=row.id, **self.said) for row in completions]


def row(text: str) -> Completion:
    facts = {"policy": "p", "sample": 0, "seed": 0, "num_tokens": 1, "finish_reason": "stop"}
    return Completion(id="a", prompt_id="a", prompt=user("?"), completion=assistant(text), **facts)


@pytest.mark.parametrize(
    ("text", "refusal", "refuses", "label", "value"),
    [
        (DECLINE, "full", 0.9, "full", 0.9),
        (DECLINE, "partial", 0.9, "partial", 0.9),
        (DECLINE, "none", 0.2, "full", 0.5),
        (ANSWER, "full", 0.7, "full", 0.7),
        (ANSWER, "none", 0.2, "none", 0.2),
    ],
)
def test_either_refuses(text, refusal, refuses, label, value):
    (score,) = RefusalCascade(load=lambda: Fixed(refusal, refuses)).score([row(text)])
    assert (score.scorer, score.label, score.value) == ("refusal", label, value)


def test_what_the_classifier_cannot_read_is_unscored():
    (score,) = RefusalCascade(load=lambda: Fixed("", None, EMPTY)).score([row("")])
    assert (score.value, score.label, score.reason) == (None, "", EMPTY)


def test_disagreements_are_counted():
    facts = {"completion_id": "a", "refuses": 0.5}
    verdicts = [
        RefusalVerdict(rule="full", classifier="partial", **facts),
        RefusalVerdict(rule="full", classifier="none", **facts),
        RefusalVerdict(rule="none", classifier="full", **facts),
        RefusalVerdict(rule="none", classifier="none", **facts),
        RefusalVerdict(rule="none", classifier="", **facts),
    ]
    assert disagreements(verdicts) == {
        "agree": 2,
        "rule_alone": 1,
        "classifier_alone": 1,
        "unscored": 1,
    }
