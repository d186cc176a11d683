"""The safety numbers as `model-index`, the part of a model card that the hub reads."""

from __future__ import annotations

from eval.exports.figures import Figure, figures
from eval.results.results import Results
from eval.results.suite_result import SuiteResult
from records.own_files import Object


def model_index(results: Results, policy: str, name: str) -> list[Object]:
    """One entry, for the model `name`: a result a suite, each metric with its interval, n and
    level.

    Raises KeyError where the policy was not measured.
    """
    suites = results.policies[policy].suites
    return [
        {
            "name": name,
            "results": [
                _result(suite, shown, results.confidence) for suite, shown in suites.items()
            ],
        }
    ]


def _result(suite: str, shown: SuiteResult, confidence: float) -> Object:
    kind = "harmful medical requests" if shown.kind == "harmful" else "benign requests"
    return {
        "task": {"type": "text-generation", "name": f"Safety on {kind}"},
        "dataset": {"type": f"primum/{suite}", "name": suite, "split": "test"},
        "metrics": [_metric(figure, confidence) for figure in figures(shown, confidence)],
    }


def _metric(figure: Figure, confidence: float) -> Object:
    low, high = figure.estimate.interval
    args = {
        "n": figure.estimate.n,
        "interval_low": low,
        "interval_high": high,
        "confidence": confidence,
    }
    return {"type": figure.name, "name": figure.title, "value": figure.value, "args": args}
