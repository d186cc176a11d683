"""The `capability` object of results.json, from stored answers: docs/results.md has its schema."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from eval.capability.answers import Answer
from eval.capability.config import CapabilityConfig
from eval.capability.macro_f1 import has_classes, with_macro_f1
from eval.capability.perplexity import TextLikelihood
from eval.results.capability import (
    AbsentTask,
    Capability,
    Perplexity,
    PerplexityRise,
    TaskAccuracy,
    TaskResult,
)
from measures.estimates import Estimate, rate_estimate
from measures.noninferiority import non_inferior_mean, non_inferior_rate, ratio_interval

ByPolicy = Mapping[str, Sequence[Answer]]
Texts = Mapping[str, Sequence[TextLikelihood]]


def capability_summary(
    tasks: Mapping[str, ByPolicy],
    texts: Texts,
    absent: Sequence[AbsentTask],
    config: CapabilityConfig,
    *,
    baseline: str,
    confidence: float,
) -> Capability:
    """Needs nothing but what was stored, so that it can be made again without a model."""
    found = {}
    for name, by_policy in tasks.items():
        task = _task(by_policy, baseline, config.margin, confidence)
        found[name] = (
            with_macro_f1(task, by_policy, confidence) if has_classes(name, config) else task
        )
    return Capability(
        engine=config.engine,
        shots=0,
        margin=config.margin,
        perplexity_margin=config.perplexity_margin,
        tasks=found,
        absent=tuple(absent),
        perplexity=_perplexity(texts, baseline, config.perplexity_margin, confidence),
    )


def _task(by_policy: ByPolicy, baseline: str, margin: float, confidence: float) -> TaskResult:
    base = by_policy[baseline]
    # Of the base's items, which are those of every policy.
    chance = best_constant(base)
    own = {}
    for name, rows in by_policy.items():
        own[name] = _accuracies(rows, chance, confidence)
    changes = {}
    for name, rows in by_policy.items():
        if name != baseline:
            changes[name] = non_inferior_rate(
                [row.right for row in base], [row.right for row in rows], margin, confidence
            )
    return TaskResult(
        n=len(base),
        chance=chance,
        signal=own[baseline].above_chance,
        policies=own,
        changes=changes,
    )


def best_constant(answers: Sequence[Answer]) -> float:
    """What a policy reaches that never reads the question: by lot, or always the same option."""
    # Sets where one answer is right most often give a constant more than chance.
    by_lot = sum(1 / len(row.logps) for row in answers) / len(answers)
    (_, most), *_ = Counter(row.gold for row in answers).most_common(1)
    return max(by_lot, most / len(answers))


def _accuracies(rows: Sequence[Answer], chance: float, confidence: float) -> TaskAccuracy:
    accuracy = rate_estimate([row.right for row in rows], confidence)
    by_length = rate_estimate([row.right_normalised for row in rows], confidence)
    return TaskAccuracy(
        accuracy=accuracy,
        accuracy_by_length=by_length,
        # By the lower end: a base that only seems to exceed chance carries no signal.
        above_chance=accuracy.low is not None and accuracy.low > chance,
    )


def _perplexity(texts: Texts, baseline: str, margin: float, confidence: float) -> Perplexity | None:
    if not texts.get(baseline):
        return None
    base = texts[baseline]
    own = {}
    for name, rows in texts.items():
        own[name] = perplexity_estimate(rows, confidence)
    changes = {}
    for name, rows in texts.items():
        if name != baseline:
            changes[name] = _rise(base, rows, margin, confidence)
    tokens = sum(row.tokens for row in base)
    return Perplexity(n=len(base), tokens=tokens, policies=own, changes=changes)


def perplexity_estimate(rows: Sequence[TextLikelihood], confidence: float) -> Estimate:
    """exp(-log-probability for each token); the interval is clustered by text."""
    sums, sizes = [-row.logp for row in rows], [row.tokens for row in rows]
    # Over all tokens and not the mean of texts' perplexities, which one short text would decide.
    value = math.exp(sum(sums) / sum(sizes))
    if len(rows) < 2:
        return Estimate(value, None, None, len(rows))
    low, high = ratio_interval(sums, sizes, confidence)
    # The interval is made on the log scale, where errors are symmetric, and carried over.
    return Estimate(value, math.exp(low), math.exp(high), len(rows))


def _rise(
    base: Sequence[TextLikelihood],
    rows: Sequence[TextLikelihood],
    margin: float,
    confidence: float,
) -> PerplexityRise:
    """By which factor perplexity rises, paired by text; tested on the log-probability of a
    token.
    """
    # Paired by text: texts differ far more in likelihood than policies do.
    lost = [after.logp - before.logp for before, after in zip(base, rows, strict=True)]
    weights = [row.tokens for row in base]
    found = non_inferior_mean(lost, math.log1p(margin), confidence, weights=weights)
    ends = (found.difference, found.high, found.low)  # more likely text has less perplexity
    ratio, low, high = (None if end is None else math.exp(-end) for end in ends)
    return PerplexityRise(
        ratio=ratio,
        interval=(low, high),
        n=found.n,
        margin=margin,
        p_value=found.p_value,
        retained=found.holds,
    )
