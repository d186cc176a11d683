"""The safety numbers as `model-index`, the part of a model card that the hub reads."""

from __future__ import annotations

from typing import Any

from eval.exports.figures import figures

Json = dict[str, Any]


def model_index(results: Json, policy: str, name: str) -> list[Json]:
    """One entry, for the model `name`: a result a suite, each metric with its interval, n and
    level.

    Raises KeyError where the policy was not measured.
    """
    suites = results["policies"][policy]["suites"]
    return [
        {
            "name": name,
            "results": [
                _result(suite, shown, results["confidence"]) for suite, shown in suites.items()
            ],
        }
    ]


def _result(suite: str, shown: Json, confidence: float) -> Json:
    kind = "harmful medical requests" if shown["kind"] == "harmful" else "benign requests"
    return {
        "task": {"type": "text-generation", "name": f"Safety on {kind}"},
        "dataset": {"type": f"primum/{suite}", "name": suite, "split": "test"},
        "metrics": [_metric(figure, confidence) for figure in figures(shown, confidence)],
    }


def _metric(figure: Any, confidence: float) -> Json:
    low, high = figure.estimate["interval"]
    args = {
        "n": figure.estimate["n"],
        "interval_low": low,
        "interval_high": high,
        "confidence": confidence,
    }
    return {"type": figure.name, "name": figure.title, "value": figure.value, "args": args}
