"""Does a scorer know when it does not know? Risk against coverage, and what uncertainty ranks.

Items are accepted from the most certain on; the risk is the share of errors among those accepted.
Items of equal uncertainty come in random order, of which these are the expected values.
B = weightings (whole numbers), n = items, G = distinct uncertainties.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from measures.bootstrap import Floats, divided
from measures.estimates import Estimate, count_estimate
from measures.ranking import auroc


class _Steps(NamedTuple):
    items: Floats  # (B, G) weight at each uncertainty
    errors: Floats  # (B, G)
    items_before: Floats
    errors_before: Floats


def _steps(uncertainty: ArrayLike, errors: ArrayLike, weights: Floats) -> _Steps:
    found, wrong = np.asarray(uncertainty, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    order = np.argsort(found, kind="stable")
    starts = np.flatnonzero(np.diff(found[order], prepend=np.nan) != 0)
    # Equal uncertainties form one step, in which any order is as likely as another.
    items = np.add.reduceat(weights[:, order], starts, axis=1)
    missed = np.add.reduceat(weights[:, order] * wrong[order], starts, axis=1)
    return _Steps(
        items, missed, np.cumsum(items, axis=1) - items, np.cumsum(missed, axis=1) - missed
    )


def aurc(uncertainty: ArrayLike, errors: ArrayLike, weights: Floats) -> Floats:
    """(B,) mean over k = 1 to n of the share of errors among the k most certain items (Geifman et
    al., arXiv 1805.08206).

    Lower is better; uncertainty that ranks nothing gives the error rate. NaN without items.
    """
    steps = _steps(uncertainty, errors, weights)
    total = steps.items.sum(axis=1)
    # Sums of 1 / k from a table: a loop over the items of each of a thousand draws takes minutes.
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int(total.max(initial=0)) + 1))])
    before = steps.items_before.astype(np.intp)
    grown = harmonic[before + steps.items.astype(np.intp)] - harmonic[before]
    share = np.divide(
        steps.errors, steps.items, out=np.zeros_like(steps.items), where=steps.items > 0
    )
    # The j-th item of a step adds (errors before + j * share) / (items before + j), summed over j.
    risks = steps.errors_before * grown + share * (steps.items - steps.items_before * grown)
    return divided(risks.sum(axis=1), total)


def risk_at_coverage(
    uncertainty: ArrayLike, errors: ArrayLike, weights: Floats, coverage: float
) -> Floats:
    """(B,) share of errors among the ceil(coverage * n) most certain items; NaN without items."""
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage: wanted a share above 0 and at most 1, got {coverage}")
    steps = _steps(uncertainty, errors, weights)
    total = steps.items.sum(axis=1, keepdims=True)
    # Rounded before ceil: 0.07 * 100 is 7.000000000000001, which would accept an eighth item.
    accepted = np.ceil(np.round(coverage * total, 9))
    taken = np.clip(accepted - steps.items_before, 0, steps.items)
    share = np.divide(
        steps.errors, steps.items, out=np.zeros_like(steps.items), where=steps.items > 0
    )
    errors_taken = (taken * share).sum(axis=1)
    return divided(errors_taken, accepted[:, 0])


def error_auroc(uncertainty: ArrayLike, errors: ArrayLike, weights: Floats) -> Floats:
    """(B,) chance that an error is more uncertain than a right decision; one half is no
    knowledge.
    """
    return auroc(uncertainty, errors, weights)


def out_of_domain_auroc(inside: Sequence[float], outside: Sequence[float]) -> float:
    """Chance that an item from outside the domain is more uncertain than one from inside; NaN
    without both.
    """
    foreign = [False] * len(inside) + [True] * len(outside)
    return (
        float(auroc([*inside, *outside], foreign, np.ones((1, len(foreign))))[0])
        if inside and outside
        else math.nan
    )


def abstention_threshold(uncertainty: Sequence[float], coverage: float) -> float:
    """The uncertainty above which a scorer abstains so that it still speaks on `coverage` of these
    (validation) items.
    """
    if not uncertainty or not 0 < coverage <= 1:
        raise ValueError(
            f"wanted items and a coverage above 0 and at most 1, got {len(uncertainty)} and "
            f"{coverage}"
        )
    return sorted(uncertainty)[math.ceil(round(coverage * len(uncertainty), 9)) - 1]


def bounded_rate(
    flags: Sequence[bool | None], confidence: float = 0.95
) -> tuple[Estimate, Estimate]:
    """The rate with every abstention (None) as False, and with every one as True: what lies between
    is not known.
    """
    abstained = sum(flag is None for flag in flags)
    found = sum(bool(flag) for flag in flags)
    return count_estimate(found, len(flags), confidence), count_estimate(
        found + abstained, len(flags), confidence
    )


def binary_uncertainty(probability: ArrayLike) -> Floats:
    """Predictive entropy in bits of a probability: 1 at one half, 0 at the ends."""
    p = np.asarray(probability, dtype=np.float64)
    return np.asarray((entr(p) + entr(1 - p)) / math.log(2))
