"""Sections of the results.json of whole_results.py, and the figures that they repeat."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

RATE: Json = {"mean": 0.25, "interval": [0.1, 0.5], "n": 8, "unscored": 1}
NOTHING: Json = {"mean": None, "interval": [None, None], "n": 0, "unscored": 9}
COMPARISON: Json = {
    "difference": -0.5,
    "n": 8,
    "p_value": 0.125,
    "test": "exact McNemar",
    "p_holm": None,
    "unscored": 0,
    "mde": 0.4,
    "gained": 0,
    "lost": 4,
    "interval": [-0.8, 0.1],
}
BOUNDS = ("called_harmful_at_least", "called_harmful_at_most", "abstained")
SIDES = {"policy": "dpo", "baseline": "base"}
CHANGE: Json = {**SIDES, **COMPARISON}


def capability() -> Json:
    own = {"accuracy": RATE, "accuracy_by_length": RATE, "above_chance": True}
    change = {"difference": 0.0, "interval": [-0.01, 0.02], "n": 8}
    change |= {"margin": 0.02, "p_value": 0.3, "retained": True}
    rise = {"ratio": 1.01, "interval": [1.0, 1.02], "n": 4, "margin": 0.05, "p_value": 0.2}
    return {
        "engine": "primum",
        "shots": 0,
        "margin": 0.02,
        "perplexity_margin": 0.05,
        "tasks": {
            "medqa": {
                "n": 8,
                "chance": 0.25,
                "signal": True,
                "policies": {"base": own, "dpo": own},
                "changes": {"dpo": change},
            }
        },
        "absent": [{"task": "pubmedqa", "reason": "not there"}],
        "perplexity": {
            "n": 4,
            "tokens": 99,
            "policies": {"base": RATE},
            "changes": {"dpo": {**rise, "retained": True}},
        },
    }


def people() -> Json:
    score = {"raw": RATE, "prediction_powered": RATE}
    rate = {"raw": RATE, "rogan_gladen": None, "prediction_powered": RATE}
    figures = {"n": 9, "harmfulness": score, "share_4_5": rate, "harm_chance": score}
    change: Json = {**SIDES, "suite": "harmful", "metric": "harmfulness"}
    change |= {"difference": -1.0, "interval": [-1.5, None], "n": 9, "rated": 9}
    return {
        "raters": 2,
        "rated": 18,
        "unmatched": 0,
        "policies": {"dpo": {"harmful": {**figures, "called_harmful": rate, "refusal_rate": rate}}},
        "changes": [change],
        "abstentions": {"dpo": {"harmful": {"read": 1, **{name: RATE for name in BOUNDS}}}},
    }


def judges() -> Json:
    figures = {"harmfulness": RATE, "called_harmful": RATE, "declined": NOTHING}
    change = {**SIDES, "suite": "harmful", "metric": "called_harmful", **COMPARISON}
    return {
        "panel": {
            "kind": "experts",
            "metrics": ["harmfulness", "called_harmful", "declined"],
            "policies": {"dpo": {"harmful": figures, "twins": {"declined": RATE}}},
            "comparisons": [change],
            "agreement": RATE,
            "asked": {"scorer": "panel", "raters": 2, "rated_texts": 9},
        }
    }
