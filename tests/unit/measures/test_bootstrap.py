from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from measures.bootstrap import bootstrap_estimate, cluster_weights, refitted_estimate
from measures.ranking import weighted_share

if TYPE_CHECKING:
    from numpy.typing import NDArray


def test_items_of_one_cluster_are_drawn_together_and_as_many_clusters_as_there_are() -> None:
    weights = cluster_weights(["a", "b", "a", "c"], resamples=200)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert weights.mean() == pytest.approx(1, abs=0.1)


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    groups = [str(i) for i in range(20)]
    assert (cluster_weights(groups, seed=1) == cluster_weights(groups, seed=1)).all()
    assert (cluster_weights(groups, seed=1) != cluster_weights(groups, seed=2)).any()


def test_one_cluster_and_undefined_draws_have_no_interval_and_nothing_has_no_value() -> None:
    flags = [1.0, 0.0]
    alone = bootstrap_estimate(lambda w: weighted_share(flags, w), cluster_weights(["a", "a"]))
    assert (alone.mean, alone.low, alone.high, alone.n) == (0.5, None, None, 2)

    def often_undefined(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(weights[:, 0] > 0, 1.0, np.nan)

    assert bootstrap_estimate(often_undefined, cluster_weights(["a", "b", "c"])).low is None
    assert bootstrap_estimate(lambda w: weighted_share([], w), cluster_weights([])).mean is None


def test_a_mean_of_clusters_has_the_interval_that_is_known_for_it() -> None:
    """30 clusters of 4 equal items: the standard error is that of 30 values, not of 120."""
    rng = np.random.default_rng(3)
    values = np.repeat(rng.normal(size=30), 4)
    groups = [str(i // 4) for i in range(120)]
    found = bootstrap_estimate(lambda w: weighted_share(values, w), cluster_weights(groups, 4000))
    half = 1.96 * values[::4].std() / np.sqrt(30)
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)


@pytest.mark.parametrize(("rate", "per_cluster"), [(0.3, 5)])
def test_the_interval_covers_as_often_as_it_says(rate: float, per_cluster: int) -> None:
    """400 samples of 60 clusters whose items share most of their luck; 95 % is meant, 2.2 points
    are two standard errors.
    """
    rng = np.random.default_rng(0)
    covered = 0
    for sample in range(400):
        level = rng.beta(3 * rate, 3 * (1 - rate), size=60)
        flags = (rng.random((60, per_cluster)) < level[:, None]).astype(float).ravel()
        groups = [str(i // per_cluster) for i in range(len(flags))]
        found = bootstrap_estimate(
            partial(weighted_share, flags),
            cluster_weights(groups, 400, seed=sample),
        )
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= rate <= found.high
    assert covered / 400 == pytest.approx(0.95, abs=0.03)


def test_fits_that_a_draw_makes_worse_keep_their_spread_around_the_value() -> None:
    draws = [0.6, 0.7] * 50
    found = refitted_estimate(0.8, draws, 50)
    half = 1.959964 * np.std(draws, ddof=1)
    assert (found.low, found.high) == pytest.approx((0.8 - half, 0.8 + half))
    assert refitted_estimate(0.99, draws, 50).high == 1.0
    assert refitted_estimate(0.8, [np.nan] * 100, 50).low is None
