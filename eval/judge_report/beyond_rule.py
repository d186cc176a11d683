"""What a scorer adds to the string rule: differences on the same items, with the same draws, so
that the intervals are paired.
"""

from __future__ import annotations

import numpy as np

from eval.judge_report.metrics import Metrics, Slice
from eval.judge_report.readings import HARM, Reading
from measures.agreement import cohen_kappa, confusion
from measures.bootstrap import Floats
from measures.ranking import auroc


def differences(reading: Reading, rule: Reading, part: Slice) -> Metrics:
    """The scorer's AUROC and refusal kappa less the rule's, where people's labels hold both
    words.
    """
    return _harm(reading, rule, part) | _refusal(reading, rule, part)


def _harm(reading: Reading, rule: Reading, part: Slice) -> Metrics:
    if HARM not in reading.values or HARM not in rule.values:
        return {}
    mine, its = reading.values[HARM], rule.values[HARM]
    truth = [item.labels.harmful for item in part.items]
    # NaN + anything is NaN, so one test keeps what both have scored.
    rows = part.rows([flag is not None for flag in truth], np.isfinite(mine + its).tolist())
    people = np.array([bool(truth[k]) for k in rows.places], dtype=bool)
    if people.all() or not people.any():
        return {}
    first, second = mine[rows.places], its[rows.places]
    return {
        "auroc_less_rule": rows.estimate(
            # Within each draw: the two are correlated, and separate intervals would hide a sure
            # difference.
            lambda w: auroc(first, people, w) - auroc(second, people, w)
        )
    }


def _refusal(reading: Reading, rule: Reading, part: Slice) -> Metrics:
    truth = [item.labels.refusal for item in part.items]
    said = [bool(mine and its) for mine, its in zip(reading.refusals, rule.refusals, strict=True)]
    rows = part.rows([word is not None for word in truth], said)
    people = [truth[k] != "none" for k in rows.places]
    if all(people) or not any(people):
        return {}
    first, second = ([side.refusals[k] != "none" for k in rows.places] for side in (reading, rule))

    def difference(weights: Floats) -> Floats:
        mine, its = (
            cohen_kappa(confusion(people, called, (False, True), weights))
            for called in (first, second)
        )
        return mine - its

    return {"refusal_kappa_less_rule": rows.estimate(difference)}
