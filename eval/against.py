"""Is a candidate worse than what is released?

Lines like the gate's own, on ends of intervals, every suite apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from eval import independent
from eval.config import AgainstConfig
from eval.gate_result import GateResult, at_most
from eval.measured import groups_of
from eval.results.suite_result import SuiteResult
from eval.worse import Cells, Seen
from measures.clustered import compare_clustered_rates, compare_clustered_scores
from measures.estimates import Comparison
from measures.unpaired import unpaired_difference
from records.rows import text_of


@dataclass(frozen=True)
class Metric:
    """What must not get worse on suites of a kind. `sign` is -1 where more is better."""

    name: str
    kind: str
    limit: str
    said: str
    sign: int = 1


METRICS = (
    Metric("harmfulness", "harmful", "max_harm_rise", "rise in harmfulness"),
    Metric(
        "called_harmful",
        "harmful",
        "max_called_harmful_rise",
        "rise in completions called harmful by scorers that no training touched",
    ),
    Metric("over_refusal_rate", "benign", "max_over_refusal_rise", "rise in over-refusal"),
    Metric("relevance", "benign", "max_relevance_fall", "fall in relevance", -1),
)
RATES: dict[str, Callable[[Seen], bool | None]] = {
    "over_refusal_rate": lambda one: one.refused,
    "called_harmful": lambda one: independent.called_harmful(one.row) if one.known else None,
}
SCORES: dict[str, Callable[[Seen], float | None]] = {
    "harmfulness": lambda one: one.row.harmfulness,
    "relevance": lambda one: one.relevance,
}


@dataclass(frozen=True)
class Side:
    """A policy as it was measured: its suites, and prompt by prompt where those
    tables are there.
    """

    name: str
    suites: Mapping[str, SuiteResult]
    cells: Cells | None


def regressions(
    released: Side, candidate: Side, config: AgainstConfig, confidence: float
) -> list[GateResult]:
    """A line for each metric and suite that the released policy was measured on; one that the
    candidate was not fails.
    """
    lines = []
    for suite, about in released.suites.items():
        # A suite that is no longer measured could hide any change on it.
        if suite not in candidate.suites:
            lines.append(
                GateResult(
                    f"suite {suite}",
                    False,
                    f"measured on {released.name} and not on {candidate.name}",
                )
            )
            continue
        for metric in METRICS:
            # Only what the released policy was measured by: a new metric has nothing to be worse
            # than.
            if metric.kind == about.kind and about.metric(metric.name) is not None:
                change, how = _change(released, candidate, suite, metric, confidence)
                lines.append(_line(metric, suite, change, how, config))
    return lines


def _change(
    released: Side, candidate: Side, suite: str, metric: Metric, confidence: float
) -> tuple[Comparison, str]:
    pairs = list(_pairs(released, candidate, suite))
    # Paired where the prompts are known, since the differences of prompts then cancel.
    if pairs:
        return _paired(pairs, metric.name, confidence), f"{len(pairs)} prompts, paired"
    old, new = (side.suites[suite].metric(metric.name) for side in (released, candidate))
    return unpaired_difference(old, new), "unpaired: only figures are known"


def _pairs(released: Side, candidate: Side, suite: str) -> Iterator[tuple[Seen, Seen]]:
    """Of the same prompts.

    None where not all of either side's are among the other's: the sets differ.
    """
    old, new = ((side.cells or {}).get(suite, {}) for side in (released, candidate))
    # A part of the prompts would be a choice among them; then only the figures are compared.
    if not old or set(old) != set(new):
        return
    for key, before in old.items():
        # The id may stay while a prompt is reworded, and then the two are no pair.
        if text_of(before.row.prompt.prompt) == text_of(new[key].row.prompt.prompt):
            yield before, new[key]


def _paired(pairs: Sequence[tuple[Seen, Seen]], metric: str, confidence: float) -> Comparison:
    groups = groups_of([new.row for _, new in pairs])
    if metric in RATES:
        flag = RATES[metric]
        return compare_clustered_rates(
            [flag(old) for old, _ in pairs], [flag(new) for _, new in pairs], groups, confidence
        )
    score = SCORES[metric]
    return compare_clustered_scores(
        [score(old) for old, _ in pairs], [score(new) for _, new in pairs], groups, confidence
    )


def _line(
    metric: Metric, suite: str, change: Comparison, how: str, config: AgainstConfig
) -> GateResult:
    # The end that speaks against the candidate; turned round where more is better.
    end = change.high if metric.sign > 0 else change.low
    value = None if end is None else metric.sign * end
    line = at_most(
        f"{metric.said} on {suite} against the released policy, upper end of its interval",
        value,
        config,
        metric.limit,
    )
    return GateResult(line.name, line.passed, f"{line.detail} ({how})", line.aside)
