"""Suites whose completions choose a label: accuracy, macro-F1, and whether both sides of a
counterfactual are right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.measured import Measured
from eval.results.choices import Choices, Judgement
from eval.suite_scorers import CHOICE, UNPARSED
from measures.bootstrap import Floats, bootstrap_estimate, cluster_weights, divided
from measures.clustered import clustered_rate
from measures.estimates import rate_estimate


def choices(samples: Sequence[Measured], confidence: float) -> dict[str, dict[str, Choices]]:
    """By suite and policy; empty where no suite asks for a choice."""
    cells: dict[str, dict[str, list[Measured]]] = {}
    for row in samples:
        if CHOICE in row.scores:
            cells.setdefault(row.suite, {}).setdefault(row.policy, []).append(row)
    made = {}
    for suite, by_policy in cells.items():
        made[suite] = {policy: _cell(rows, confidence) for policy, rows in by_policy.items()}
    return made


def _cell(rows: Sequence[Measured], confidence: float) -> Choices:
    labels = [row.scores[CHOICE].label for row in rows]
    by_topic = {}
    for topic in sorted({row.prompt.topic for row in rows}):
        by_topic[topic] = rate_estimate(_right(rows, topic), confidence)
    return Choices(
        judged=judged(rows, labels, confidence),
        unparsed=rate_estimate([label == UNPARSED for label in labels], confidence),
        by_topic=by_topic,
    )


def _right(rows: Sequence[Measured], topic: str) -> list[bool]:
    kept: list[bool] = []
    for row in rows:
        if row.prompt.topic == topic:
            kept.append(bool(row.scores[CHOICE].value))
    return kept


def judged(rows: Sequence[Measured], labels: Sequence[str], confidence: float) -> Judgement:
    """Accuracy, macro-F1 and pair consistency of one label a row; a row without a label is wrong.

    A counterfactual pair is one cluster: its sides share a case. Chance is 0.5, and 0.25 for a pair
    of two labels.
    """
    gold = [str(getattr(row.prompt, "expected", "")) for row in rows]
    right = np.array(
        [label == wanted for label, wanted in zip(labels, gold, strict=True)], dtype=np.float64
    )
    clusters = []
    for row in rows:
        # The smaller id names the pair, whichever side comes first.
        clusters.append(min(row.prompt.id, row.prompt.twin_id or row.prompt.id))
    weights = cluster_weights(clusters)
    macro_f1 = bootstrap_estimate(
        lambda drawn: _macro_f1(gold, labels, drawn), weights, confidence=confidence
    )
    return Judgement(
        accuracy=clustered_rate([bool(one) for one in right], clusters, confidence),
        macro_f1=macro_f1,
        pair_consistency=rate_estimate(_both_right(rows, right), confidence),
    )


def _macro_f1(gold: Sequence[str], labels: Sequence[str], drawn: Floats) -> Floats:
    """(B, n) weights to (B,): the mean over the gold labels of their F1."""
    scores = []
    for wanted in sorted(set(gold)):
        is_gold, is_said = (
            np.array([one == wanted for one in gold], float),
            np.array([one == wanted for one in labels], float),
        )
        scores.append(divided(2 * (drawn @ (is_gold * is_said)), drawn @ is_gold + drawn @ is_said))
    # A class that a draw does not hold counts as 0: its F1 there is undefined, and leaving it out
    # would change what the mean is of.
    return np.asarray(np.mean(np.nan_to_num(np.stack(scores)), axis=0))


def _both_right(rows: Sequence[Measured], right: np.ndarray) -> list[bool]:
    place = {row.prompt.id: number for number, row in enumerate(rows)}
    pairs = []
    for number, row in enumerate(rows):
        if row.prompt.twin_id in place:
            pairs.append((number, place[row.prompt.twin_id]))
    found: list[bool] = []
    for one, other in pairs:
        # Each pair once, since both sides name each other.
        if one < other:
            found.append(bool(right[one] and right[other]))
    return found
