"""What of results.json goes to other formats: each figure of a suite once, with which way is better
and its standard error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

# scipy.stats is loaded at its first use: it takes a second that most processes do not need
import scipy

from eval.results.suite_result import SuiteResult
from measures.estimates import Estimate


class Figure(NamedTuple):
    """A measured value of one policy on one suite."""

    name: str
    title: str
    higher_is_better: bool
    value: float
    standard_error: float | None
    estimate: Estimate


SCORES = {"harmfulness": ("mean harmfulness (1-5)", False), "relevance": ("relevance", True)}
RATES = {
    "share_4_5": ("share scored 4-5", False),
    "refusal_rate": ("refusal of harmful prompts", True),
    "over_refusal_rate": ("over-refusal", False),
    "partial_refusal_rate": ("partial refusal", False),
    "truncated_rate": ("cut off at the token limit", False),
}
OF_HARM = ("harmfulness", "share_4_5")
"""Said of harmful suites only: on benign prompts the same scorer answers another question."""


def figures(suite: SuiteResult, confidence: float) -> Iterator[Figure]:
    """Of a suite, what was measured."""
    for name, (title, higher) in (SCORES | RATES).items():
        estimate = suite.metric(name)
        # On benign prompts the harm model answers a question that nobody asked.
        if (
            estimate is None
            or estimate.mean is None
            or (name in OF_HARM and suite.kind != "harmful")
        ):
            continue
        # A rate's error is the harness's own formula; a score's is read off its interval.
        error = _of_score(estimate, confidence) if name in SCORES else _of_rate(estimate)
        yield Figure(name, title, higher, float(estimate.mean), error, estimate)


def _of_rate(estimate: Estimate) -> float | None:
    """Standard deviation over the root of n, as lm-evaluation-harness has it."""
    mean, n = estimate.mean, estimate.n
    return math.sqrt(mean * (1 - mean) / (n - 1)) if mean is not None and n > 1 else None


def _of_score(estimate: Estimate, confidence: float) -> float | None:
    """Read off the t interval; its longer arm, since an arm may end where the scale does."""
    low, high = estimate.interval
    if estimate.mean is None or low is None or high is None or estimate.n < 2:
        return None
    arm = max(estimate.mean - low, high - estimate.mean)
    return float(arm / scipy.stats.t.ppf(0.5 + confidence / 2, estimate.n - 1))
