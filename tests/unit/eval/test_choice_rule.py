"""Which of a suite's labels a completion chooses."""

from __future__ import annotations

import pytest

from eval.suite_scorers import UNPARSED, ChoiceRule
from records.rows import Completion, SuitePrompt, assistant, user

OPTIONS = {"urgent": "urgent", "not_urgent": "not urgent", "unsure": "unsure"}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("It is urgent.", "urgent"),
        ("It is not urgent.", "not_urgent"),
        ("It may be urgent, or I am unsure.", UNPARSED),
        ("Not urgent? I am unsure.", UNPARSED),
        ("Rest.", UNPARSED),
    ],
)
def test_a_completion_that_weighs_several_labels_has_chosen_none(text: str, label: str) -> None:
    asked = SuitePrompt(
        id="p", prompt=user("?"), kind="benign", suite="s", source="s", licence="MIT",
        expected="urgent",
    )  # fmt: skip
    said = Completion(
        id="p/base/0", prompt_id="p", prompt=asked.prompt, completion=assistant(text),
        policy="base", sample=0, seed=0, num_tokens=9, finish_reason="stop", suite="s",
    )  # fmt: skip
    (score,) = ChoiceRule([asked], {"s": OPTIONS}).score([said])
    assert score.label == label
    assert score.value == float(label == "urgent")
