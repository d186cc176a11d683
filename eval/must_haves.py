"""How much of what physicians want in a completion completions hold, by suite and policy, and what
training changed of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eval.measured import Measured, groups_of, scored_cells
from eval.must_have_rule import MUST_HAVES
from eval.results.change import changes_of
from eval.results.must_haves import SuiteMustHaves
from measures.clustered import clustered_mean
from measures.estimates import compare_scores

NOTE = (
    "Coverage is the mean share of the statements that physicians want in an answer which a "
    "completion holds, by a rule on words. Short completions hold few, whoever writes them: "
    "compare policies, at one token limit."
)


def must_haves(
    samples: Sequence[Measured], against: Sequence[tuple[str, str]], confidence: float
) -> dict[str, SuiteMustHaves]:
    """The `must_haves` object of docs/results.md, by suite; empty where no suite has statements."""
    cells = scored_cells(samples, MUST_HAVES)
    found = {}
    for suite, by_policy in cells.items():
        found[suite] = _suite(by_policy, against, confidence)
    return found


def _suite(
    by_policy: Mapping[str, Sequence[Measured]],
    against: Sequence[tuple[str, str]],
    confidence: float,
) -> SuiteMustHaves:
    covered = {}
    for policy, rows in by_policy.items():
        covered[policy] = [row.scores[MUST_HAVES].value for row in rows]
    means = {}
    for policy, values in covered.items():
        means[policy] = clustered_mean(values, groups_of(by_policy[policy]), confidence, (0.0, 1.0))
    return SuiteMustHaves(
        note=NOTE,
        policies=means,
        comparisons=changes_of(
            covered, against, lambda before, after: compare_scores(before, after, confidence)
        ),
    )
