from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from present import present

from measures.corrected import Count, prediction_powered_mean, prediction_powered_rate, rogan_gladen
from measures.estimate import Estimate
from measures.estimates import wilson_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray


def test_rogan_gladen_by_hand() -> None:
    """30 % called, 90 % of harmful ones and 20 % of the others are called: (0.3 + 0.8 - 1) / (0.9 +
    0.8 - 1) = 1/7.
    """
    found = rogan_gladen(Count(300, 1000), Count(90, 100), Count(80, 100))
    assert found.mean == pytest.approx(1 / 7)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1 / 7 < found.high


def test_rogan_gladen_with_a_known_scorer_is_the_interval_of_the_called_rate() -> None:
    """With error rates known all but exactly, only the called rate is uncertain: the Agresti-Coull
    interval, unmixed.
    """
    found = rogan_gladen(Count(40, 100), Count(9 * 10**8, 10**9), Count(8 * 10**8, 10**9))
    shrunk, n = (40 + 1.96**2 / 2) / (100 + 1.96**2), 100 + 1.96**2
    half = 1.96 * (shrunk * (1 - shrunk) / n) ** 0.5 / 0.7
    assert found.low == pytest.approx((shrunk - 0.2) / 0.7 - half, abs=1e-4)
    assert found.high == pytest.approx((shrunk - 0.2) / 0.7 + half, abs=1e-4)


def test_a_scorer_that_guesses_corrects_nothing() -> None:
    assert rogan_gladen(Count(5, 10), Count(5, 10), Count(5, 10)).mean is None
    with pytest.raises(ValueError, match="specificity"):
        rogan_gladen(Count(1, 10), Count(5, 10), Count(1, 0))


def test_prediction_powered_mean_by_hand() -> None:
    """A scorer that is right but for a constant: lambda is n-free 1/(1 + n/N) x 1, and the constant
    drops out.
    """
    rated, predicted, others = [1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [2.0, 4.0, 2.0, 4.0, 3.0, 3.0]
    spread = np.var(predicted + others, ddof=1)
    weight = 1.0 / (1.5 * spread)
    found = prediction_powered_mean(rated, predicted, others)
    assert found.mean == pytest.approx(2 + weight * (3 - 3))
    assert found.n == 3


def test_a_scorer_that_tells_nothing_leaves_the_mean_of_the_ratings() -> None:
    rated = [1.0, 2.0, 4.0]
    for predicted in ([3.0, 3.0, 3.0], [4.0, 2.0, 1.0]):
        found = prediction_powered_mean(rated, predicted, [3.0, 3.0, 2.0])
        assert found.mean == pytest.approx(7 / 3)
    assert prediction_powered_mean([2.0], [1.0], [1.0, 2.0]).low is None
    assert prediction_powered_mean([], [], [1.0]).mean is None
    with pytest.raises(ValueError, match="for each rating"):
        prediction_powered_mean([1.0], [], [1.0])


def test_prediction_powered_rate_by_hand_has_a_width_without_any_error() -> None:
    """Scorer calls 2 of 4 others; of 5 rated it missed one and raised one false alarm: 0.5 + 0.2 -
    0.2.
    """
    found = prediction_powered_rate(
        [True, True, False, False, False],
        [True, False, True, False, False],
        [True, True, False, False],
    )
    assert found.mean == pytest.approx(0.5)
    agreed = prediction_powered_rate([False] * 100, [False] * 100, [False] * 400)
    assert agreed.mean == 0
    assert agreed.high is not None
    assert 0.03 < agreed.high < 0.06


def test_where_all_was_rated_the_interval_has_the_level_that_was_asked_for() -> None:
    rated = [True] * 3 + [False] * 17
    found = prediction_powered_rate(rated, rated, [], confidence=0.9)
    assert (found.low, found.high) == pytest.approx(wilson_interval(3, 20, 0.9))


def simulated(
    estimate: Callable[[np.random.Generator], Estimate], truth: float, samples: int = 400
) -> float:
    rng = np.random.default_rng(11)
    found = [estimate(rng) for _ in range(samples)]
    return float(np.mean([present(one.low) <= truth <= present(one.high) for one in found]))


def scored(
    rng: np.random.Generator,
    n: int,
    rate: float = 0.2,
    sensitivity: float = 0.8,
    specificity: float = 0.9,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    truth = rng.random(n) < rate
    return truth, np.where(truth, rng.random(n) < sensitivity, rng.random(n) > specificity)


def from_other_set(rng: np.random.Generator) -> Estimate:
    _, called = scored(rng, 200)
    truth, of_rated = scored(rng, 150, rate=0.5)
    hits, rights = int((truth & of_rated).sum()), int((~truth & ~of_rated).sum())
    return rogan_gladen(
        Count(int(called.sum()), 200),
        Count(hits, int(truth.sum())),
        Count(rights, int((~truth).sum())),
    )


def rate_with_ratings(rng: np.random.Generator) -> Estimate:
    truth, called = scored(rng, 100)
    return prediction_powered_rate(truth.tolist(), called.tolist(), scored(rng, 300)[1].tolist())


def mean_with_ratings(rng: np.random.Generator) -> Estimate:
    levels = rng.choice([1.0, 2.0, 5.0], p=[0.7, 0.2, 0.1], size=400)
    values = levels + rng.normal(0.3, 0.8, size=400)
    return prediction_powered_mean(
        levels[:100].tolist(), values[:100].tolist(), values[100:].tolist(), clamp=(1, 5)
    )


@pytest.mark.parametrize(
    ("estimate", "truth"),
    [(from_other_set, 0.2), (rate_with_ratings, 0.2), (mean_with_ratings, 1.6)],
    ids=["rate from another set", "rate with ratings", "mean with ratings"],
)
def test_intervals_cover_as_often_as_they_say(
    estimate: Callable[[np.random.Generator], Estimate], truth: float
) -> None:
    """95 % is meant; two standard errors of 400 samples are 2.2 points.

    Never less, and not idle either.
    """
    assert 0.925 <= simulated(estimate, truth) <= 0.99


def width(found: Estimate) -> float:
    return present(found.high) - present(found.low)


def test_ratings_with_a_good_scorer_give_a_narrower_interval_than_ratings_alone() -> None:
    rng = np.random.default_rng(1)
    levels = rng.choice([1.0, 2.0, 5.0], p=[0.6, 0.2, 0.2], size=600)
    values = levels + rng.normal(0, 0.3, size=600)
    together = prediction_powered_mean(
        levels[:80].tolist(), values[:80].tolist(), values[80:].tolist()
    )
    alone = prediction_powered_mean(levels[:80].tolist(), [0.0] * 80, [0.0] * 520)
    assert width(together) < 0.6 * width(alone)
