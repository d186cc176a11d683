"""From stored answers to `results["capability"]`, and what the gate makes of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from present import present
from typed_results import as_json

from eval.capability.answers import Answer
from eval.capability.config import CapabilityConfig
from eval.capability.gate import capability_gates
from eval.capability.perplexity import TextLikelihood
from eval.capability.summary import best_constant, perplexity_estimate
from eval.capability.summary import capability_summary as _capability_summary
from eval.config import CapabilityLimits, GateConfig
from eval.results.capability import Capability

capability_summary = as_json(_capability_summary)


def answers(policy: str, right: list[bool]) -> list[Answer]:
    return [
        Answer(
            id=f"t/{number}/{policy}",
            policy=policy,
            task="t",
            gold=number % 4,
            logps=[0.0] * 4,
            right=one,
            right_normalised=one,
        )
        for number, one in enumerate(right)
    ]


def texts(policy: str, worse: float, count: int = 80) -> list[TextLikelihood]:
    random = np.random.default_rng(3)
    made = []
    for number in range(count):
        tokens = int(random.integers(20, 60))
        logp = -tokens * (2.0 + worse + 0.1 * random.normal())
        made.append(
            TextLikelihood(id=f"{number}/{policy}", policy=policy, logp=logp, tokens=tokens)
        )
    return made


def summary(
    base: list[bool], after: list[bool], worse: float = 0.0, **settings: Any
) -> dict[str, Any]:
    return capability_summary(
        {"t": {"base": answers("base", base), "dpo": answers("dpo", after)}},
        {"base": texts("base", 0), "dpo": texts("dpo", worse)},
        [],
        CapabilityConfig(**settings),
        baseline="base",
        confidence=0.95,
    )


def outcomes(found: dict[str, Any], **limits: Any) -> dict[str, bool]:
    lines = capability_gates(Capability.from_json(found), "dpo", GateConfig(**limits))
    return {line.name.split(",")[0]: line.passed for line in lines}


KNOWS = [True] * 700 + [False] * 300
ACCURACY = "fall in accuracy on t against the base"
PERPLEXITY = "rise in perplexity on held-out medical text"


def test_an_unchanged_policy_is_retained() -> None:
    found = summary(KNOWS, KNOWS)
    assert found["tasks"]["t"]["signal"]
    assert found["tasks"]["t"]["changes"]["dpo"]["retained"]
    assert found["perplexity"]["changes"]["dpo"]["ratio"] == 1
    assert all(outcomes(found).values())


def test_a_planted_damaged_checkpoint_is_stopped_on_both_counts() -> None:
    """Half of what it knew is gone, and its perplexity has risen by half."""
    found = summary(KNOWS, [True] * 350 + [False] * 650, worse=math.log(1.5))
    assert found["perplexity"]["changes"]["dpo"]["ratio"] == pytest.approx(1.5)
    assert outcomes(found) == {ACCURACY: False, PERPLEXITY: False}
    lenient = outcomes(found, capability=CapabilityLimits(max_fall=0.5, max_perplexity_rise=0.6))
    assert lenient == {ACCURACY: True, PERPLEXITY: True}


def test_too_few_items_do_not_show_that_it_was_retained() -> None:
    few = [True] * 35 + [False] * 15
    assert not outcomes(summary(few, few[1:] + few[:1]))[ACCURACY]


def test_a_task_at_chance_is_said_to_carry_no_signal() -> None:
    lot = [number % 4 == 0 for number in range(400)]
    found = summary(lot, lot)
    assert not found["tasks"]["t"]["signal"]
    (line, _) = capability_gates(Capability.from_json(found), "dpo", GateConfig())
    assert line.aside == "not measured"
    assert "no signal to lose" in line.detail


def test_a_policy_that_was_not_measured_does_not_pass() -> None:
    found = summary(KNOWS, KNOWS)
    del found["tasks"]["t"]["changes"]["dpo"], found["perplexity"]["changes"]["dpo"]
    assert outcomes(found) == {ACCURACY: False, PERPLEXITY: False}


def test_without_capability_the_gate_says_that_it_was_not_measured() -> None:
    (line,) = capability_gates(None, "dpo", GateConfig())
    assert (line.passed, line.aside) == (True, "not measured")


def test_chance_is_what_the_best_constant_reaches() -> None:
    yes = answers("base", [True] * 4)
    mostly = [one for one in yes for _ in range(3) if one.gold == 0] + yes[1:]
    assert best_constant(yes) == 0.25
    assert best_constant(mostly) == 0.5


def test_perplexity_is_of_all_tokens_and_not_a_mean_over_texts() -> None:
    rows = [
        TextLikelihood(id="1", policy="p", logp=-30.0, tokens=10),
        TextLikelihood(id="2", policy="p", logp=-2.0, tokens=2),
    ]
    found = perplexity_estimate(rows, 0.95)
    assert found.mean == pytest.approx(math.exp(32 / 12))
    assert present(found.low) < present(found.mean) < present(found.high)
