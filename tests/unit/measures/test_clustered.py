"""Groups of prompts: against statsmodels' cluster-robust errors, cases worked by hand, and
simulated runs.
"""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm  # type: ignore[import-untyped]

from measures.clustered import (
    clustered_mean,
    clustered_rate,
    compare_clustered_rates,
    compare_clustered_scores,
    independent_pairs,
)
from measures.estimates import (
    compare_rates,
    compare_scores,
    count_estimate,
    mean_estimate,
    rate_estimate,
)

ALONE = [str(k) for k in range(40)]
RNG = np.random.default_rng(0)
SCORES = RNG.uniform(1, 5, 40).tolist()
LATER = RNG.uniform(1, 5, 40).tolist()
FLAGS = (RNG.random(40) < 0.3).tolist()
SWITCHED = (RNG.random(40) < 0.5).tolist()


def test_prompts_that_stand_alone_have_the_figures_of_independent_ones() -> None:
    assert clustered_mean(SCORES, ALONE, 0.95, (1, 5)) == mean_estimate(SCORES, 0.95, (1, 5))
    assert clustered_rate(FLAGS, ALONE) == rate_estimate(FLAGS)
    assert compare_clustered_scores(SCORES, LATER, ALONE) == compare_scores(SCORES, LATER)
    assert compare_clustered_rates(FLAGS, SWITCHED, ALONE) == compare_rates(FLAGS, SWITCHED)


def test_an_interval_of_groups_is_that_of_statsmodels_cluster_robust_errors() -> None:
    rng = np.random.default_rng(1)
    places = np.repeat(np.arange(80), 3)
    values = rng.normal(size=80)[places] + rng.normal(size=240) / 2
    found = clustered_mean(values.tolist(), [str(k) for k in places])
    fitted = sm.OLS(values, np.ones(240)).fit(cov_type="cluster", cov_kwds={"groups": places})
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * fitted.bse[0], rel=0.08)
    plain = mean_estimate(values.tolist())
    assert plain.low is not None
    assert found.low < plain.low


def test_rewordings_of_one_request_count_as_one_where_all_agree() -> None:
    """40 prompts of 10 requests, none refused: no more is known than of 10."""
    groups = [str(k // 4) for k in range(40)]
    found = clustered_rate([False] * 40, groups)
    assert found.interval == count_estimate(0, 10).interval
    assert (found.mean, found.n) == (0.0, 40)


def test_copies_of_pairs_do_not_lower_the_p_value() -> None:
    """Each of 8 differences four times: by hand, 2 of 256 sign patterns are as extreme."""
    groups = [str(k // 4) for k in range(32)]
    found = compare_clustered_scores([1.0] * 32, [2.0] * 32, groups)
    assert found.p_value == pytest.approx(2 / 256)
    assert found.test == "sign-flip permutation of groups"
    rates = compare_clustered_rates([False] * 32, [True] * 32, groups)
    assert rates.p_value == pytest.approx(2 / 256)
    assert rates.gained == 32


def test_a_difference_that_groups_share_is_found_less_easily() -> None:
    rng = np.random.default_rng(3)
    places = np.repeat(np.arange(20), 5)
    after = (rng.normal(size=20)[places] + 0.1 * rng.normal(size=100)).tolist()
    groups = [str(k) for k in places]
    plain, found = (
        compare_scores([0.0] * 100, after),
        compare_clustered_scores([0.0] * 100, after, groups),
    )
    assert found.low is not None
    assert found.high is not None
    assert plain.low is not None
    assert plain.high is not None
    assert found.mde is not None
    assert plain.mde is not None
    assert (found.high - found.low) > 1.7 * (plain.high - plain.low)
    assert found.mde / plain.mde == pytest.approx(
        (found.high - found.low) / (plain.high - plain.low)
    )


def test_every_prompt_said_four_times_is_worth_once() -> None:
    rng = np.random.default_rng(4)
    before, after = rng.random(60) < 0.3, rng.random(60) < 0.35
    first, second = np.repeat(before, 4).tolist(), np.repeat(after, 4).tolist()
    groups = [str(k) for k in np.repeat(np.arange(60), 4)]
    found = compare_clustered_rates(first, second, groups=groups)
    assert 50 <= independent_pairs(found, sum(first)) <= 75
    alone = compare_rates(first, second)
    assert independent_pairs(alone, sum(first)) == 240


def test_one_group_says_nothing_of_others() -> None:
    assert clustered_mean([1.0, 2.0, 4.0], ["a"] * 3).interval == (None, None)
    found = compare_clustered_rates([True, False, True], [False] * 3, ["a"] * 3)
    assert (found.interval, found.p_value, found.mde) == ((None, None), None, None)


def test_what_is_unscored_is_counted_and_leaves_its_group() -> None:
    found = clustered_mean([1.0, None, 3.0], ["a", "a", "b"])
    assert found == mean_estimate([1.0, None, 3.0])
    assert found.unscored == 1


def test_intervals_hold_the_true_share_as_often_as_they_say() -> None:
    """200 simulated runs of 40 groups of 4 rewordings: those of independent prompts hold it in
    about 80 % of them."""
    rng, held, plainly, runs = np.random.default_rng(5), 0, 0, 200
    places = np.repeat(np.arange(40), 4)
    groups = [str(k) for k in places]
    for _ in range(runs):
        chances = rng.beta(0.6, 1.4, 40)[places]
        flags = (rng.random(160) < chances).tolist()
        for found, of_groups in ((clustered_rate(flags, groups), 1), (rate_estimate(flags), 0)):
            inside = found.low is not None and found.high is not None
            inside = inside and (found.low or 0) <= 0.3 <= (found.high or 0)
            held += inside and of_groups
            plainly += inside and not of_groups
    assert held / runs >= 0.92
    assert plainly / runs <= 0.9
