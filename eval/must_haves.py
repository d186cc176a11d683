"""How much of what physicians want in a completion completions hold, by suite and policy, and what
training changed of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.measured import Measured, scored_cells
from eval.must_have_rule import MUST_HAVES
from measures.estimates import compare_scores, mean_estimate

Json = dict[str, Any]
NOTE = (
    "Coverage is the mean share of the statements that physicians want in an answer which a "
    "completion holds, by a rule on words. Short completions hold few, whoever writes them: "
    "compare policies, at one token limit."
)


def must_haves(
    samples: Sequence[Measured], against: Sequence[tuple[str, str]], confidence: float
) -> Json:
    """The `must_haves` object of docs/results.md, by suite; empty where no suite has statements."""
    cells = scored_cells(samples, MUST_HAVES)
    found = {}
    for suite, by_policy in cells.items():
        found[suite] = {"note": NOTE, **_suite(by_policy, against, confidence)}
    return found


def _suite(
    by_policy: Mapping[str, Sequence[Measured]],
    against: Sequence[tuple[str, str]],
    confidence: float,
) -> Json:
    covered = {}
    for policy, rows in by_policy.items():
        covered[policy] = [row.scores[MUST_HAVES].value for row in rows]
    both = []
    for policy, baseline in against:
        if policy in covered and baseline in covered:
            both.append((policy, baseline))
    return {
        "policies": {
            policy: mean_estimate(values, confidence, (0.0, 1.0)).to_json()
            for policy, values in covered.items()
        },
        "comparisons": [
            {
                "policy": policy,
                "baseline": baseline,
                **compare_scores(covered[baseline], covered[policy], confidence).to_json(),
            }
            for policy, baseline in both
        ],
    }
