"""A scorer's figure corrected by people who rated some of the completions: Rogan-Gladen and
prediction-powered.

Rogan-Gladen carries a scorer's error rates over from a set where people rated; they must hold on
the new completions too. Prediction-powered estimates need a random sample of the very completions,
and then no assumption about the scorer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy

from measures.estimates import Estimate, rate_estimate, wilson_interval


class Count(NamedTuple):
    found: int
    n: int


def rogan_gladen(
    called: Count, sensitivity: Count, specificity: Count, confidence: float = 0.95
) -> Estimate:
    """The true rate behind `called` positives of a scorer with these error rates, in [0, 1]; no
    number where it guesses.

    rate = (called + specificity - 1) / (sensitivity + specificity - 1) (Rogan and Gladen, Am. J.
    Epidemiol. 107 (1978) 71-76). The interval is Lang and Reiczigel's (Prev. Vet. Med. 113 (2014)
    13-22): all three rates are uncertain, each shrunk towards the middle before the error is
    propagated. `sensitivity` counts hits among positives, `specificity` right calls among
    negatives.
    """
    for name, given in (
        ("called", called),
        ("sensitivity", sensitivity),
        ("specificity", specificity),
    ):
        if not 0 <= given.found <= given.n or given.n < 1:
            raise ValueError(
                f"{name}: wanted a count of at least one item, got {given.found} of {given.n}"
            )
    rates = [given.found / given.n for given in (called, sensitivity, specificity)]
    # Sensitivity + specificity of at most 1 is a coin: the formula would divide by 0 or turn signs.
    if rates[1] + rates[2] <= 1:
        return Estimate(None, None, None, called.n)
    rate = _unmixed(*rates)
    z = float(scipy.stats.norm.ppf((1 + confidence) / 2))
    # Agresti-Coull for the called share and one success and failure more for the two others: with a
    # rate of 0 or 1 its variance would be 0 and the interval too narrow.
    shrunk = (called.found + z**2 / 2) / (called.n + z**2)
    hits, rights = (
        (sensitivity.found + 1) / (sensitivity.n + 2),
        (specificity.found + 1) / (specificity.n + 2),
    )
    # Shrinking can push a barely useful scorer to the coin; then all rates are possible.
    if hits + rights <= 1:
        return Estimate(min(max(rate, 0.0), 1.0), 0.0, 1.0, called.n)
    middle = _unmixed(shrunk, hits, rights)
    from_hits, from_rights = (
        hits * (1 - hits) / (sensitivity.n + 2),
        rights * (1 - rights) / (specificity.n + 2),
    )
    shift = 2 * z**2 * (middle * from_hits - (1 - middle) * from_rights)
    variance = (
        shrunk * (1 - shrunk) / (called.n + z**2)
        + middle**2 * from_hits
        + (1 - middle) ** 2 * from_rights
    )
    half = z * math.sqrt(variance) / (hits + rights - 1)
    low, high = (min(max(end, 0.0), 1.0) for end in (middle + shift - half, middle + shift + half))
    return Estimate(min(max(rate, 0.0), 1.0), low, high, called.n)


def _unmixed(called: float, sensitivity: float, specificity: float) -> float:
    return (called + specificity - 1) / (sensitivity + specificity - 1)


def prediction_powered_mean(
    rated: Sequence[float],
    predicted: Sequence[float],
    others: Sequence[float],
    *,
    clamp: tuple[float, float] | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """The mean that people would give all completions, from ratings of a random few and a scorer's
    values of the rest.

    `rated` and `predicted` are people's and the scorer's values of the same completions, `others`
    the scorer's of completions that nobody rated. theta = mean(rated) + lambda * (mean(others) -
    mean(predicted)), with the lambda that makes the variance least (PPI++, arXiv 2311.01453), cut
    to [0, 1]: a scorer that tells nothing is not listened to. Interval: t with as many degrees of
    freedom as there are ratings, less one. Paired differences go in as they are. `n` counts
    ratings. Raises ValueError where the lengths differ; two ratings at least, or there is no
    interval.
    """
    y, f, g = (np.asarray(values, dtype=np.float64) for values in (rated, predicted, others))
    if len(y) != len(f):
        raise ValueError(f"wanted a scorer's value for each rating, got {len(f)} for {len(y)}")
    n, more = len(y), len(g)
    if n < 2:
        return Estimate(float(y[0]) if n else None, None, None, n)
    # One unrated completion has no variance to weigh it by.
    weight = _tuned(y, f, g) if more > 1 else 0.0
    value = float(y.mean() + (weight * (g.mean() - f.mean()) if more else 0.0))
    variance = float((y - weight * f).var(ddof=1)) / n
    # The two parts are independent, as no completion is in both; their variances add up.
    if weight:
        variance += weight**2 * float(g.var(ddof=1)) / more
    # The few ratings, and not the many predictions, limit how well the variance is known.
    half = float(scipy.stats.t.ppf((1 + confidence) / 2, n - 1)) * math.sqrt(variance)
    bottom, top = clamp or (-math.inf, math.inf)
    value, low, high = (min(max(end, bottom), top) for end in (value, value - half, value + half))
    return Estimate(value, low, high, n)


def _tuned(rated: np.ndarray, predicted: np.ndarray, others: np.ndarray) -> float:
    spread = float(np.concatenate([predicted, others]).var(ddof=1))
    if spread == 0:
        return 0.0
    covariance = float(np.cov(rated, predicted)[0, 1])
    # Outside of [0, 1] the tuned weight would come from noise in a small sample.
    return min(max(covariance / ((1 + len(rated) / len(others)) * spread), 0.0), 1.0)


def prediction_powered_rate(
    rated: Sequence[bool],
    predicted: Sequence[bool],
    others: Sequence[bool],
    confidence: float = 0.95,
) -> Estimate:
    """The same for a rate, with an interval that has a width even where people and scorer agree on
    every rated completion.

    rate = share(others) + share of missed - share of false alarms among the rated. Each share has
    its Wilson interval, and the three are joined by the method of variance estimates recovery (Zou
    and Donner, Stat. Med. 27 (2008) 1693-1702).
    """
    if len(rated) != len(predicted):
        raise ValueError(
            f"wanted a scorer's value for each rating, got {len(predicted)} for {len(rated)}"
        )
    n = len(rated)
    if not n:
        return Estimate(None, None, None, 0)
    if not others:  # all was rated: people's word is the figure
        return rate_estimate(list(rated), confidence)
    pairs = list(zip(rated, predicted, strict=True))
    base = Count(sum(map(bool, others)), len(others))
    missed = Count(sum(bool(y and not f) for y, f in pairs), n)
    alarms = Count(sum(bool(f and not y) for y, f in pairs), n)
    shares = [part.found / part.n for part in (base, missed, alarms)]
    (low_b, high_b), (low_m, high_m), (low_a, high_a) = (
        wilson_interval(*part, confidence) for part in (base, missed, alarms)
    )
    value = shares[0] + shares[1] - shares[2]
    # The share of false alarms is subtracted, so its upper end lowers the figure, and the reverse.
    below = math.hypot(shares[0] - low_b, shares[1] - low_m, high_a - shares[2])
    above = math.hypot(high_b - shares[0], high_m - shares[1], shares[2] - low_a)
    value, low, high = (min(max(end, 0.0), 1.0) for end in (value, value - below, value + above))
    return Estimate(value, low, high, n)
