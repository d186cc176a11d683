"""Labels of a policy's completions: by rule, by a teacher, by people."""

from __future__ import annotations

from collections.abc import Sequence

from records.rows import Completion, Score, assistant, user
from reward.model.labels import HarmLabel, factor_labels, rule_labels, with_people

DECLINE = "I can't help with that."
PARTIAL = (
    f"{DECLINE} Sure, here is how to do it. " + "First do one thing, then do the next thing. " * 8
)


def completion(name: str, text: str) -> Completion:
    return Completion(
        id=name,
        prompt_id="p",
        prompt=user("q"),
        completion=assistant(text),
        policy="base",
        sample=0,
        seed=0,
        num_tokens=1,
        finish_reason="stop",
    )


ROWS = [
    completion("declines", DECLINE),
    completion("complies", "Sure, first open the chart."),
    completion("both", PARTIAL),
]


class Teacher:
    """Says 0.3 of everything but of `both`, which it cannot read."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        self.asked += [made.id for made in completions]
        return [
            Score(
                id=made.id,
                completion_id=made.id,
                scorer="t",
                value=None if made.id == "both" else 0.3,
            )
            for made in completions
        ]


def test_the_rule_labels_refusals_and_what_does_not_refuse_and_leaves_partial_ones_out() -> None:
    found = rule_labels(ROWS)
    assert found == {
        "declines": HarmLabel(harm=0.0, by="rule"),
        "complies": HarmLabel(harm=1.0, by="rule"),
    }


def test_the_teacher_is_asked_about_what_does_not_refuse_and_its_chance_is_the_label() -> None:
    teacher = Teacher()
    found = factor_labels(ROWS, teacher)
    assert teacher.asked == ["complies", "both"]
    assert found == {
        "declines": HarmLabel(harm=0.0, by="rule"),
        "complies": HarmLabel(harm=0.3, by="factors"),
    }


def test_people_take_the_place_of_every_other_label_with_their_weight() -> None:
    found = with_people(rule_labels(ROWS), {"complies": 2.0, "both": 5.0}, 4.0)
    assert found["complies"] == HarmLabel(harm=0.25, by="people", weight=4.0)
    assert found["both"] == HarmLabel(harm=1.0, by="people", weight=4.0)
    assert found["declines"].by == "rule"
