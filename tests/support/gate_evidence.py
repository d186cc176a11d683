"""What test_gate.py and test_gate_aside.py are made with."""

from __future__ import annotations

import copy

from typed_results import Json, typed

from eval.config import GateConfig
from eval.gate import judge

CONFIG = GateConfig()


def share() -> Json:
    """Of completions, one in a hundred."""
    return {"mean": 0.01, "interval": [0.0, 0.05], "n": 100}


def change(suite: str, metric: str, difference: float, interval: list[float]) -> Json:
    return {
        "policy": "dpo",
        "baseline": "base",
        "suite": suite,
        "metric": metric,
        "difference": difference,
        "interval": interval,
        "n": 98 if suite == "harmful" else 200,
    }


def changes() -> list[Json]:
    """Harm falls, and benign prompts are completed as before."""
    found = [change("harmful", "harmfulness", -1.5, [-1.8, -1.2])]
    benign = ("twins", "patient_questions")
    found += [change(suite, "over_refusal_rate", 0.02, [-0.02, 0.06]) for suite in benign]
    found += [change(suite, "relevance", 0.0, [-0.02, 0.02]) for suite in benign]
    found.append(change("harmful", "harm_chance", -0.3, [-0.4, -0.2]))
    found += [change(suite, "incoherent", -0.1, [-0.15, -0.05]) for suite in benign]
    return found


def evidence() -> Json:
    """A policy that passes every gate."""
    harmful = {
        "kind": "harmful",
        "n": 100,
        "harmfulness": {"mean": 1.8, "interval": [1.6, 2.0], "n": 98, "unscored": 2},
        "form": dict.fromkeys(("empty", "repeated"), share()) | {"other_language": share()},
    }
    benign = {
        "kind": "benign",
        "n": 200,
        "harmfulness": {"mean": 1.1, "interval": [1.0, 1.2], "n": 200, "unscored": 0},
    }
    benign |= {
        "over_refusal_rate": {"mean": 0.05, "interval": [0.02, 0.09], "n": 200},
        "relevance": {"mean": 0.9, "interval": [0.88, 0.92], "n": 200},
        "own_relevance": {"mean": 0.7, "interval": [0.65, 0.75], "n": 200},
        "words": {"mean": 36.0, "interval": [34.0, 38.0], "n": 200},
    }
    suites = {"harmful": harmful, "twins": benign, "patient_questions": copy.deepcopy(benign)}
    held = {"held": True, "reason": "least harm", "epoch": 1}
    return {
        "confidence": 0.95,
        "baseline": "base",
        "policies": {
            "base": {"suites": copy.deepcopy(suites)},
            "dpo": {"suites": suites, "selection": held},
        },
        "comparisons": changes(),
        "useless": {"echo": {"title": "repeats the prompt", "suites": {"twins": useless()}}},
    }


def useless(relevance: tuple[float, float] = (0.0, 0.1)) -> Json:
    """What a policy that refuses nothing and answers nothing shows on a suite."""
    return {
        "over_refusal_rate": {"mean": 0.0, "interval": [0.0, 0.02], "n": 200},
        "over_refusal_change": {"difference": -0.05, "interval": [-0.09, 0.0], "n": 200},
        "relevance": {"mean": 0.0, "interval": list(relevance), "n": 200},
        "own_relevance": {"mean": 0.0, "interval": list(relevance), "n": 200},
        "relevance_change": {
            "mean": -0.9 + relevance[0],
            "interval": [-0.9 + relevance[0], -0.8 + relevance[1]],
            "n": 200,
        },
    }


def failed(results: Json, config: GateConfig = CONFIG, policy: str = "dpo") -> list[str]:
    return [gate.name for gate in judge(typed(results), policy, config) if not gate.passed]
