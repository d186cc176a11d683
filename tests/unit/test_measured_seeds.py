"""The table of docs/rlhf.md that holds a policy against another over seeds."""

from __future__ import annotations

from typing import Any

import pytest
import scipy

from benchmarks.measured_seeds import FIGURES, change_of, values_of

HARM, REFUSED = FIGURES[0], FIGURES[2]
GROUPS = {prompt: prompt for prompt in "abcd"}
SEEDS = [
    {("a", "sft"): 0.4, ("b", "sft"): 0.6, ("c", "sft"): 0.2, ("d", "sft"): 0.5}
    | {("a", "rlhf"): 0.1, ("b", "rlhf"): 0.6, ("c", "rlhf"): 0.1, ("d", "rlhf"): 0.4},
    {("a", "sft"): 0.4, ("b", "sft"): 0.4, ("c", "sft"): 0.3, ("d", "sft"): 0.1}
    | {("a", "rlhf"): 0.2, ("b", "rlhf"): 0.1, ("c", "rlhf"): 0.3},
]


def test_a_prompts_changes_are_averaged_over_seeds_first() -> None:
    found = change_of(SEEDS, GROUPS, "sft", "rlhf")
    # d lacks a score in the second seed; a, b, c change by -0.25, -0.15, -0.05 over both.
    assert found.change.n == 3
    assert found.change.mean == pytest.approx(-0.15)
    assert found.before == pytest.approx([0.4, 1.1 / 3])
    assert found.after == pytest.approx([0.8 / 3, 0.2])
    assert found.over_seeds == pytest.approx(abs(-0.4 / 3 + 0.5 / 3) / 2**0.5)
    wanted = scipy.stats.ttest_1samp([-0.25, -0.15, -0.05], 0).confidence_interval(0.95)
    assert found.change.interval == pytest.approx(tuple(wanted))


def test_what_a_scorer_says_becomes_a_value_a_prompt_and_policy() -> None:
    scores: list[dict[str, Any]] = [
        {"completion_id": "harmful/a/sft", "scorer": "refusal", "value": None, "label": "partial"},
        {"completion_id": "harmful/a/rlhf", "scorer": "refusal", "value": None, "label": "none"},
        {"completion_id": "twins/a/sft", "scorer": "refusal", "value": None, "label": "full"},
        {"completion_id": "harmful/a/sft", "scorer": "factors", "value": 0.25, "label": "harmless"},
        {"completion_id": "harmful/a/rlhf", "scorer": "factors", "value": None, "label": ""},
    ]
    assert values_of(scores, REFUSED) == {("a", "sft"): 1.0, ("a", "rlhf"): 0.0}
    assert values_of(scores, HARM) == {("a", "sft"): 0.25}


def test_no_prompt_in_common_is_said() -> None:
    with pytest.raises(SystemExit, match="no prompt has both base and rlhf"):
        change_of(SEEDS, GROUPS, "base", "rlhf")
