"""Judges, guard models, juries and experts of the user's own beside the scorers of every
evaluation (docs/judges.md).

They are asked about completions of prompts as they stand: about harm on harmful prompts alone,
since no figure of harm on benign prompts is validated, and about refusals on all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from eval.endpoint import Endpoint
from eval.independent import called_harmful, declined, is_known, kappa_between
from eval.measured import Measured, groups_of
from eval.results.change import Change
from eval.results.judged import JudgedSuite, JudgeResult
from eval.summaries import counts_as_refusal
from measures.clustered import (
    clustered_mean,
    clustered_rate,
    compare_clustered_rates,
    compare_clustered_scores,
)
from measures.estimates import Comparison, Estimate, holm
from records.contracts import Scorer
from records.harm_scale import HARMFUL_FROM, HARMFULNESS, probability
from records.rows import Score
from reward.judges.jury import Reports
from reward.scorers import score_with

Kind = Literal["judge", "guard", "refusal guard", "jury", "experts"]
HARM_CHANCE, HARMFUL, DECLINED = "harm_chance", "called_harmful", "declined"
METRICS: dict[Kind, tuple[str, ...]] = {
    "judge": ("harmfulness", HARMFUL),
    "jury": ("harmfulness", HARMFUL),
    "guard": (HARM_CHANCE, HARMFUL),
    "refusal guard": (DECLINED,),
    "experts": ("harmfulness", HARMFUL, DECLINED),
}
"""What each kind says. A guard's value is its belief, and no rating in levels."""
ENDS = {"harmfulness": tuple(HARMFULNESS), HARM_CHANCE: (0.0, 1.0)}
"""Of the scales of the metrics that are means."""


@dataclass(frozen=True)
class NamedJudge:
    """A scorer that the user has set up, and what kind of scorer it is."""

    scorer: Scorer
    kind: Kind

    @property
    def name(self) -> str:
        """Of its scores."""
        return self.scorer.name

    def is_asked(self, row: Measured) -> bool:
        """Whether it is asked about a completion."""
        if row.completion.condition:
            return False
        return row.kind == "harmful" or DECLINED in METRICS[self.kind]


def with_judges(rows: Sequence[Measured], judges: Sequence[NamedJudge]) -> list[Measured]:
    """The rows, in their order, with what every judge says of those that it is asked about."""
    found = list(rows)
    for judge in judges:
        places = [place for place, row in enumerate(found) if judge.is_asked(row)]
        asked = [found[place].completion for place in places]
        for place, score in zip(places, score_with([judge.scorer], asked), strict=True):
            row = found[place]
            found[place] = replace(row, scores={**row.scores, judge.name: score})
    return found


def judge_results(
    rows: Sequence[Measured],
    judges: Sequence[NamedJudge],
    against: Sequence[tuple[str, str]],
    confidence: float,
) -> dict[str, JudgeResult] | None:
    """By judge; None without any. `against` pairs a policy with what it is compared with.

    P-values are adjusted over one judge's comparisons, which take nothing from those of the
    evaluation itself.
    """
    found = {judge.name: _result(rows, judge, against, confidence) for judge in judges}
    return found or None


def _result(
    rows: Sequence[Measured],
    judge: NamedJudge,
    against: Sequence[tuple[str, str]],
    confidence: float,
) -> JudgeResult:
    asked = [row for row in rows if judge.name in row.scores]
    cells: dict[tuple[str, str], list[Measured]] = {}
    for row in asked:
        cells.setdefault((row.policy, row.suite), []).append(row)
    policies: dict[str, dict[str, JudgedSuite]] = {}
    for (policy, suite), of in cells.items():
        figures = {}
        for metric in _metrics(judge, of):
            figures[metric] = _estimate(of, judge.name, metric, confidence)
        policies.setdefault(policy, {})[suite] = JudgedSuite(**figures)
    return JudgeResult(
        kind=judge.kind,
        metrics=METRICS[judge.kind],
        policies=policies,
        comparisons=_comparisons(cells, judge, against, confidence),
        agreement=_agreement(asked, judge, confidence),
        asked=_report(judge.scorer),
    )


def _metrics(judge: NamedJudge, rows: Sequence[Measured]) -> tuple[str, ...]:
    """Of benign prompts the refusals alone."""
    said = METRICS[judge.kind]
    return said if rows[0].kind == "harmful" else tuple(name for name in said if name == DECLINED)


def _report(scorer: Scorer) -> Mapping[str, Any]:
    return dict(scorer.report()) if isinstance(scorer, Reports) else {}


def _values(rows: Sequence[Measured], judge: str, metric: str) -> list[float | None]:
    read = {"harmfulness": _level, HARM_CHANCE: _chance}[metric]
    return [read(row.scores[judge]) for row in rows]


def _flags(rows: Sequence[Measured], judge: str, metric: str) -> list[bool | None]:
    read = {HARMFUL: _is_harmful, DECLINED: _declines}[metric]
    return [read(row, judge) for row in rows]


def _level(score: Score) -> float | None:
    return score.value


def _chance(score: Score) -> float | None:
    return None if score.value is None else probability(score.value)


def _is_harmful(row: Measured, judge: str) -> bool | None:
    value = row.scores[judge].value
    return None if value is None else value >= HARMFUL_FROM


def _declines(row: Measured, judge: str) -> bool | None:
    label = row.scores[judge].label
    return counts_as_refusal(label, row.kind) if label else None


def _estimate(rows: Sequence[Measured], judge: str, metric: str, confidence: float) -> Estimate:
    if metric in ENDS:
        low, high = ENDS[metric]
        values = _values(rows, judge, metric)
        return clustered_mean(values, groups_of(rows), confidence, (low, high))
    return clustered_rate(_flags(rows, judge, metric), groups_of(rows), confidence)


def _comparisons(
    cells: Mapping[tuple[str, str], list[Measured]],
    judge: NamedJudge,
    against: Sequence[tuple[str, str]],
    confidence: float,
) -> tuple[Change, ...]:
    """Of each (policy, baseline) on every suite whose same prompts it read of both."""
    found: list[tuple[Endpoint, Comparison]] = []
    for policy, baseline in against:
        for suite in dict.fromkeys(suite for _, suite in cells):
            after, before = (
                sorted(cells.get((name, suite), ()), key=lambda row: row.prompt.id)
                for name in (policy, baseline)
            )
            if not after or [row.prompt.id for row in after] != [row.prompt.id for row in before]:
                continue
            for metric in _metrics(judge, after):
                about = Endpoint(policy, baseline, suite, metric)
                found.append((about, _change(before, after, judge.name, metric, confidence)))
    adjusted = holm([comparison.p_value for _, comparison in found])
    kept = []
    for (about, comparison), p_holm in zip(found, adjusted, strict=True):
        kept.append(Change(about=about, found=replace(comparison, p_holm=p_holm)))
    return tuple(kept)


def _change(
    before: Sequence[Measured],
    after: Sequence[Measured],
    judge: str,
    metric: str,
    confidence: float,
) -> Comparison:
    if metric in ENDS:
        values = [_values(rows, judge, metric) for rows in (before, after)]
        return compare_clustered_scores(values[0], values[1], groups_of(after), confidence)
    flags = [_flags(rows, judge, metric) for rows in (before, after)]
    return compare_clustered_rates(flags[0], flags[1], groups_of(after), confidence)


def _agreement(rows: Sequence[Measured], judge: NamedJudge, confidence: float) -> Estimate | None:
    """Of verdicts on harm, or of a guard that reads refusals on these, on harmful prompts."""
    read: tuple[Callable[[Measured, str], bool | None], Callable[[Measured], bool | None]]
    read = (_declines, declined) if judge.kind == "refusal guard" else (_is_harmful, called_harmful)
    both = [row for row in rows if row.kind == "harmful" and is_known([row])]
    ours = [read[0](row, judge.name) for row in both]
    return kappa_between(both, ours, [read[1](row) for row in both], confidence)
