"""PubMedQA's macro-F1 against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from present import present
from sklearn.metrics import f1_score

from eval.capability.answers import Answer
from eval.capability.config import CapabilityConfig, CapabilityTaskConfig, TaskFormat
from eval.capability.macro_f1 import macro_f1_estimate
from eval.capability.summary import capability_summary
from eval.results.capability import Capability

YES, NO, MAYBE = range(3)


def answers(right: list[int], chosen: list[int], policy: str = "base") -> list[Answer]:
    made = []
    for number, (gold, choice) in enumerate(zip(right, chosen, strict=True)):
        logps = [-3.0, -3.0, -3.0]
        logps[choice] = -1.0
        made.append(
            Answer(
                id=f"p/{number}/{policy}",
                policy=policy,
                task="p",
                gold=gold,
                logps=logps,
                right=gold == choice,
                right_normalised=gold == choice,
            )
        )
    return made


def test_by_hand() -> None:
    """Of four: yes is right twice and said three times (F1 0.8), no is right and said once (F1 1),
    maybe is right once and never said (F1 0).
    """
    found = macro_f1_estimate(answers([YES, YES, NO, MAYBE], [YES, YES, NO, YES]), 0.95)
    assert found.mean == pytest.approx((0.8 + 1 + 0) / 3)
    assert found.n == 4


@pytest.mark.parametrize("seed", range(5))
def test_it_is_scikit_learns(seed: int) -> None:
    random = np.random.default_rng(seed)
    right = random.choice(3, size=60, p=[0.55, 0.34, 0.11]).tolist()
    chosen = random.choice([YES, NO] if seed == 0 else 3, size=60).tolist()
    found = macro_f1_estimate(answers(right, chosen), 0.95)
    assert found.mean == pytest.approx(f1_score(right, chosen, average="macro"))
    assert present(found.low) < present(found.mean) < present(found.high)


def summary(task_format: TaskFormat) -> Capability:
    task = CapabilityTaskConfig(name="p", format=task_format, path="p.json")
    right = [YES] * 11 + [NO] * 6 + [MAYBE] * 3
    base, tuned = answers(right, [YES] * 20), answers(right, right, "dpo")
    return capability_summary(
        {"p": {"base": base, "dpo": tuned}},
        {},
        [],
        CapabilityConfig(tasks=[task]),
        baseline="base",
        confidence=0.95,
    )


def test_a_policy_that_always_says_yes_is_right_in_half_and_has_a_low_f1() -> None:
    policies = summary("pubmedqa").tasks["p"].policies
    base, tuned = policies["base"].macro_f1, policies["dpo"].macro_f1
    assert base
    assert tuned
    assert policies["base"].accuracy.mean == pytest.approx(0.55)
    assert base.mean == pytest.approx(2 * 11 / (11 + 20) / 3)
    assert tuned.mean == 1.0


def test_options_that_mean_something_else_in_every_question_have_none() -> None:
    found = summary("choices")
    assert found.tasks["p"].policies["base"].macro_f1 is None
    assert "macro_f1" not in str(found.to_json())
    stored = summary("pubmedqa")
    assert Capability.from_json(stored.to_json()) == stored
