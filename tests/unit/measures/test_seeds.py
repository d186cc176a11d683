"""Training noise and sampling error apart: against scipy, a hand-worked case, and simulated
runs.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from present import present

from measures.estimates import mean_estimate, rate_estimate
from measures.seeds import over_seeds, standard_error


def test_by_hand() -> None:
    """1.6, 1.8, 2.0: mean 1.8, SD 0.2; with a standard error of 0.1: variance 0.04 / 3 + 0.01 =
    0.02333, and 0.04 of 0.05 is training.
    """
    found = over_seeds([1.6, 1.8, 2.0], [0.1, 0.1, 0.1])
    assert (found.mean, found.training_sd, found.prompt_se) == pytest.approx((1.8, 0.2, 0.1))
    assert found.training_share == pytest.approx(0.8)
    freedom = 0.023333**2 / (0.013333**2 / 2)
    half = scipy.stats.t.ppf(0.975, freedom) * math.sqrt(0.023333)
    assert found.interval == pytest.approx((1.8 - half, 1.8 + half), rel=1e-3)


def test_the_interval_of_the_noise_is_that_of_a_normal_variance() -> None:
    """Of n = 3, SD 1: sqrt(2 / 7.378) = 0.521 to sqrt(2 / 0.0506) = 6.285."""
    found = over_seeds([1.0, 2.0, 3.0], [0.1, 0.1, 0.1])
    assert found.training_sd_interval == pytest.approx((0.5207, 6.2847), abs=1e-3)


def test_one_run_has_no_noise_and_equal_runs_have_none_of_it() -> None:
    one = over_seeds([2.0], [0.1])
    assert (one.training_sd, one.interval, one.training_share) == (None, (None, None), None)
    equal = over_seeds([2.0, 2.0], [0.1, 0.1])
    assert (equal.training_sd, equal.training_share) == (0.0, 0.0)
    assert equal.interval == pytest.approx((2 - 0.196, 2 + 0.196), abs=1e-4)
    assert over_seeds([0.0, 0.0], [0.0, 0.0]).training_share is None
    assert over_seeds([1.0, 2.0], [0.1, None]).interval == (None, None)
    with pytest.raises(ValueError, match="one run at least"):
        over_seeds([], [])


def test_standard_errors_are_those_behind_the_intervals() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(2, 1, 80).tolist()
    found = mean_estimate(scores).to_json()
    assert standard_error(found["interval"], found["mean"], 80, 0.95, rate=False) == pytest.approx(
        scipy.stats.sem(scores)
    )
    flags = [k < 120 for k in range(800)]
    rate = rate_estimate(flags).to_json()
    assert standard_error(rate["interval"], rate["mean"], 800, 0.95, rate=True) == pytest.approx(
        math.sqrt(0.15 * 0.85 / 800), rel=0.01
    )
    assert standard_error(None, 1.0, 1, 0.95, rate=False) is None


def test_nothing_of_eighteen_has_a_sampling_error() -> None:
    """Wilson's interval of 0 of 18 is 0 to 0.1759; half of it over 1.96 is 0.0449."""
    none = rate_estimate([False] * 18).to_json()
    assert standard_error(none["interval"], none["mean"], 18, 0.95, rate=True) == pytest.approx(
        0.0449, abs=1e-4
    )


def test_the_interval_holds_the_truth_in_about_95_percent_of_simulated_recipes() -> None:
    rng, held = np.random.default_rng(1), 0
    for _ in range(1000):
        prompts = rng.normal(0, 0.1)
        runs = 2.0 + prompts + rng.normal(0, 0.15, 5)
        low, high = map(present, over_seeds(runs.tolist(), [0.1] * 5).interval)
        held += low <= 2.0 <= high
    assert held / 1000 == pytest.approx(0.95, abs=0.02)
